"""The key generator: whoever seals a container asks it for the file key."""

import secrets
from typing import Protocol

FILE_KEY_SIZE = 32
"""Bytes of a file key: AES-256."""


class KeyGenerator(Protocol):
    """Makes file keys."""

    def new_key(self) -> bytes:
        """32 fresh bytes that nobody can guess. Thread-safe, and safe after a fork."""
        ...


class SystemKeyGenerator:
    """The operating system's generator, as it is."""

    def new_key(self) -> bytes:
        """32 bytes of ``secrets.token_bytes``, which reads the kernel's generator at every call."""
        return secrets.token_bytes(FILE_KEY_SIZE)
