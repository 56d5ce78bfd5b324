"""File IDs, which carry the hour of their expiry, and the names that blobs get from them.

``version "1" || expiry hour since 1970 (4 characters, big-endian) || random (27 characters, 135 bits)``, in
Crockford's base32 (https://www.crockford.com/base32.html) and lower case: 32 characters.
"""

import base64
import hashlib
from collections.abc import Callable

from dropbox_app.errors import DropNotFound
from dropbox_app.model import (
    BASE32,
    PREFIX_LENGTH,
    SECONDS_PER_HOUR,
    BlobName,
    FileId,
    Hour,
    base32,
    expiry_hour,
    hour_prefix,
)

LENGTH = 32
_RANDOM_LENGTH = LENGTH - PREFIX_LENGTH
_TYPED_BY_HAND = str.maketrans({"o": "0", "i": "1", "l": "1"})
_BLOB_LABEL = b"twinlock v1 blob"


def new_file_id(expires: Hour, random_bytes: Callable[[int], bytes]) -> FileId:
    """Make a file ID.

    Args:
        expires: The hour at whose beginning the drop is gone.
        random_bytes: Gives so many bytes that nobody can guess.
    """
    number = int.from_bytes(random_bytes(17), "big")
    return FileId(hour_prefix(expires) + base32(number & (1 << 5 * _RANDOM_LENGTH) - 1, _RANDOM_LENGTH))


def parse_file_id(untrusted: str) -> FileId:
    """Read a file ID as people type it: upper case is understood, and o for 0, i and l for 1.

    Raises:
        DropNotFound: this is not a file ID, so no drop has it.
    """
    if len(untrusted) != LENGTH or not untrusted.isascii():
        raise DropNotFound
    text = untrusted.lower().translate(_TYPED_BY_HAND)
    if text[0] != "1" or not set(text) <= set(BASE32):
        raise DropNotFound
    return FileId(text)


def expires_at(file_id: FileId) -> int:
    """The second (since 1970) from which on the drop is gone."""
    return expiry_hour(file_id) * SECONDS_PER_HOUR


def blob_name(file_id: FileId) -> BlobName:
    """The expiry prefix and a one-way hash of the ID: whoever sees the store learns no file ID."""
    digest = hashlib.sha256(_BLOB_LABEL + file_id.encode()).digest()[:20]
    return BlobName(f"{file_id[:PREFIX_LENGTH]}-{base64.b32encode(digest).decode().lower()}")
