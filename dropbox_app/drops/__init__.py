"""The drop rules."""
