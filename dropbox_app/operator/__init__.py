"""What the operator runs, and what the service does for the operator by itself."""
