"""Where the chunks of a body lie: pure arithmetic (https://c2sp.org/chunked-encryption)."""

from dropbox_app.errors import DamagedContainer

CHUNK = 16_384
"""Plaintext bytes in every chunk but the last, which always has fewer and may have none."""
TAG = 16
SEALED_CHUNK = CHUNK + TAG
BODY_SALT_SIZE = 24
BODY_PREFIX = BODY_SALT_SIZE + 32
"""Salt and commitment, before the first chunk."""
MAX_CHUNKS = 2**38
"""The most that the construction takes: a little under 4 PiB."""


def sealed_length(plaintext_length: int) -> int:
    """Bytes of all sealed chunks of a plaintext, without the prefix."""
    return plaintext_length + (plaintext_length // CHUNK + 1) * TAG


def opened_length(sealed_length: int) -> int:
    """Bytes of the plaintext in so many bytes of sealed chunks, without the prefix.

    Raises:
        DamagedContainer: no plaintext has chunks of this length: the last one is missing or cut within its tag, or
            there are more than 2^38.
    """
    full, rest = divmod(sealed_length, SEALED_CHUNK)
    if rest < TAG or not 0 <= full < MAX_CHUNKS:
        raise DamagedContainer("the last chunk is missing or cut short")
    return full * CHUNK + rest - TAG
