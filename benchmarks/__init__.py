"""Measures the service beside a plain server that streams a file to and from disk: ``python -m benchmarks``."""

KIB, MIB, GIB = 2**10, 2**20, 2**30
