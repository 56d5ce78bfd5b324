"""The few words that every layer shares: distinct types for strings and bytes that must not be mixed up."""

from dataclasses import dataclass
from typing import NewType

FileId = NewType("FileId", str)
"""A file ID in its canonical form: 32 characters, Crockford base32, lower case."""

BlobName = NewType("BlobName", str)
"""Where a drop's container lies in the blob store. Tells the hour of its expiry, and cannot be turned back."""

Proof = NewType("Proof", bytes)
"""32 bytes that only somebody with both passwords can compute."""

OwnerToken = NewType("OwnerToken", str)
"""The uploader's right to see a drop's status and to delete it: base64url of 32 bytes, 43 characters."""

Hour = NewType("Hour", int)
"""Whole hours since 1970-01-01T00:00Z."""


@dataclass(frozen=True)
class Record:
    """What the registry knows of a drop: two Argon2 hashes in their encoded form."""

    proof: str
    owner: str


SECONDS_PER_HOUR = 3600
BASE32 = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's alphabet (https://www.crockford.com/base32.html) in lower case; sorts as its values do."""
PREFIX_LENGTH = 5
"""Characters of version and hour, with which a file ID and the name of its blob begin."""
_ID_VERSION = "1"


def hour_of(now: float) -> Hour:
    """The hour in which ``now`` (seconds since 1970) lies."""
    return Hour(int(now // SECONDS_PER_HOUR))


def base32(number: int, length: int) -> str:
    """A number as so many characters, the most significant first."""
    return "".join(BASE32[number >> 5 * place & 31] for place in reversed(range(length)))


def hour_prefix(hour: Hour) -> str:
    """The first five characters of everything that expires in this hour; sorts as the hours do."""
    return _ID_VERSION + base32(hour, PREFIX_LENGTH - 1)


def expiry_hour(name: FileId | BlobName) -> Hour:
    """The hour at whose beginning a drop, or the blob of this name, is gone."""
    hour = 0
    for character in name[1:PREFIX_LENGTH]:
        hour = hour << 5 | BASE32.index(character)
    return Hour(hour)
