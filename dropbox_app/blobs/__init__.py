"""Blob stores: one vendor a module."""
