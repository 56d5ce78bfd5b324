"""Registries: one vendor a module."""
