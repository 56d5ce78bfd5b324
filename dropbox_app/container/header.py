"""The header: 104 bytes with one encoding only (spec, section 2)."""

from dataclasses import dataclass

from dropbox_app.errors import DamagedContainer

HEADER_SIZE = 104
CONTEXT_SIZE = 32
"""Bytes at the beginning of the header that the body is bound to: magic, version, profile, zeros, salt."""
SALT_SIZE = 16
COMMITMENT_SIZE = 32
WRAPPED_SIZE = 40

_START = b"TWINLOCK" + bytes([1, 1]) + bytes(6)
"""Magic, version 1, KDF profile 1 and the spare zeros: the same in every container of this version."""


@dataclass(frozen=True)
class Header:
    """What a container begins with.

    Args:
        salt: 16 bytes, for stretching the passwords.
        commitment: 32 bytes that only the right two passwords lead to.
        wrapped: 40 bytes, the file key under the key that the passwords lead to.

    Raises:
        ValueError: one of them has another length.
    """

    salt: bytes
    commitment: bytes
    wrapped: bytes

    def __post_init__(self) -> None:
        sizes = (len(self.salt), len(self.commitment), len(self.wrapped))
        if sizes != (SALT_SIZE, COMMITMENT_SIZE, WRAPPED_SIZE):
            raise ValueError("salt, commitment and wrapped key have 16, 32 and 40 bytes")

    @property
    def context(self) -> bytes:
        """The 32 bytes that bind the body to its drop. They stay when the passwords change."""
        return _START + self.salt

    def encode(self) -> bytes:
        """The 104 bytes."""
        return self.context + self.commitment + self.wrapped

    @classmethod
    def parse(cls, untrusted: bytes) -> "Header":
        """Read the 104 bytes that a container begins with. Nothing is hashed for it.

        Raises:
            DamagedContainer: these are not 104 bytes, or no header of version 1 with KDF profile 1.
        """
        if len(untrusted) != HEADER_SIZE:
            raise DamagedContainer("the header is cut short")
        if untrusted[:8] != _START[:8]:
            raise DamagedContainer("this is no Twinlock container")
        if untrusted[8] != _START[8]:
            raise DamagedContainer("this container has a version that is not known here")
        if untrusted[9] != _START[9]:
            raise DamagedContainer("this container has a KDF profile that is not known here")
        if untrusted[10:16] != _START[10:]:
            raise DamagedContainer("the header's spare bytes are not zero")
        return cls(bytes(untrusted[16:32]), bytes(untrusted[32:64]), bytes(untrusted[64:]))
