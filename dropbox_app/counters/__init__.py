"""Counters that several processes share, as storages of the `limits` library."""
