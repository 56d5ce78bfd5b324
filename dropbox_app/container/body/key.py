"""The key of one body: what it derives from, and how it seals and opens chunks in the caller's buffers."""

import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from dropbox_app.container.body.layout import (
    BODY_SALT_SIZE,
    CHUNK,
    MAX_CHUNKS,
    SEALED_CHUNK,
    TAG,
    opened_length,
)
from dropbox_app.errors import DamagedContainer

_LABEL = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\x00"
_KEY_SIZE, _NONCE_SIZE = 32, 12


class BodyKey:
    """Cobblestone-256 under one file key, one context and one salt. Shows none of them.

    Args:
        file_key: 32 bytes, uniformly random.
        context: What the body is bound to; may be empty.
        salt: 24 bytes that never repeat under this file key.

    Raises:
        ValueError: file key or salt have another length.
    """

    def __init__(self, file_key: bytes, context: bytes, salt: bytes) -> None:
        if len(file_key) != _KEY_SIZE:
            raise ValueError("a file key has 32 bytes")
        if len(salt) != BODY_SALT_SIZE:
            raise ValueError("a body's salt has 24 bytes")
        expand = HKDFExpand(SHA512(), _KEY_SIZE + _NONCE_SIZE + 32, _LABEL + salt + context)
        derived = expand.derive(file_key)
        self._aead = AESGCM(derived[:_KEY_SIZE])
        self._base_nonce = int.from_bytes(derived[_KEY_SIZE : _KEY_SIZE + _NONCE_SIZE], "big")
        self._prefix = salt + derived[_KEY_SIZE + _NONCE_SIZE :]

    @classmethod
    def open(cls, file_key: bytes, context: bytes, untrusted_prefix: bytes) -> "BodyKey":
        """The key of a body that begins with these 56 bytes.

        Raises:
            DamagedContainer: they are not 56, or their commitment is not that of file key, context and salt.
            ValueError: the file key has not 32 bytes.
        """
        salt = untrusted_prefix[:BODY_SALT_SIZE].ljust(BODY_SALT_SIZE, b"\0")
        key = cls(file_key, context, salt)
        if not hmac.compare_digest(key.prefix, untrusted_prefix):
            raise DamagedContainer("the body does not belong to this key and this header")
        return key

    @property
    def prefix(self) -> bytes:
        """The 56 bytes that the body begins with: salt and commitment."""
        return self._prefix

    def _nonce(self, index: int) -> bytes:
        if not 0 <= index < MAX_CHUNKS:
            raise ValueError("a body has at most 2^38 chunks")
        return (self._base_nonce ^ index).to_bytes(_NONCE_SIZE, "big")

    def seal_into(self, index: int, plaintext: memoryview, out: memoryview) -> int:
        """Seal one chunk.

        Args:
            index: Its number. No number is ever sealed twice under one key, or AES-GCM breaks.
            plaintext: At most 16,384 bytes.
            out: Takes 16 bytes more than the plaintext, at its beginning.

        Returns:
            How many bytes of ``out`` were written.

        Raises:
            ValueError: a chunk that is too long or has no such number, or too small an ``out``.
        """
        if len(plaintext) > CHUNK:
            raise ValueError("a chunk has at most 16384 bytes")
        return self._aead.encrypt_into(self._nonce(index), plaintext, None, out[: len(plaintext) + TAG])

    def open_in_place(self, first_index: int, sealed: memoryview, *, last: bool) -> int:
        """Open consecutive chunks where they lie, and move their plaintext together at the front.

        Args:
            first_index: The number of the first chunk.
            sealed: Writable; whole sealed chunks one after another.
            last: Whether they end with the last chunk of the body, which is shorter than the others.

        Returns:
            How many bytes of plaintext now lie at the front. What lies behind them means nothing.

        Raises:
            DamagedContainer: one of them is not what was sealed. ``sealed`` is then all zeros: nothing unverified is
                ever left behind.
            ValueError: not last, and not whole chunks.
        """
        try:
            if last:
                opened_length(len(sealed))
            elif len(sealed) % SEALED_CHUNK:
                raise ValueError("only the last chunk is shorter than 16400 bytes")
            return self._open_chunks(first_index, sealed)
        except (DamagedContainer, InvalidTag) as error:
            sealed[:] = bytes(len(sealed))
            if isinstance(error, DamagedContainer):
                raise
            raise DamagedContainer("a chunk is damaged, or not in its place") from error

    def _open_chunks(self, first_index: int, sealed: memoryview) -> int:
        opened = 0
        for index, start in enumerate(range(0, len(sealed), SEALED_CHUNK), first_index):
            piece = sealed[start : start + SEALED_CHUNK]
            # OpenSSL defines opening in place only at the very same address, so the plaintext moves afterwards; it is
            # still in the processor's cache then.
            count = self._aead.decrypt_into(self._nonce(index), piece, None, piece[:-TAG])
            if start:
                sealed[opened : opened + count] = piece[:count]
            opened += count
        return opened
