"""The end of the plaintext: metadata and their length, and the padding rule that ties it to the contents."""

from dropbox_app.container.metadata import MAX_METADATA_SIZE, Metadata
from dropbox_app.container.padding import padded_length
from dropbox_app.errors import DamagedContainer

LENGTH_SIZE = 4
"""Bytes of the length of the metadata, big-endian, with which the plaintext ends."""
MAX_TRAILER_SIZE = MAX_METADATA_SIZE + LENGTH_SIZE


def encode_trailer(metadata: Metadata) -> bytes:
    """Metadata and their length.

    Raises:
        Refused: the metadata have more than 1 MiB.
    """
    encoded = metadata.encode()
    return encoded + len(encoded).to_bytes(LENGTH_SIZE, "big")


def metadata_size(untrusted_length: bytes, plaintext_size: int) -> int:
    """The length of the metadata, from the last four bytes of a plaintext.

    Raises:
        DamagedContainer: the metadata would not fit, or have more than 1 MiB.
    """
    size = int.from_bytes(untrusted_length, "big")
    if size > min(MAX_METADATA_SIZE, plaintext_size - LENGTH_SIZE):
        raise DamagedContainer("the length of the metadata is out of range")
    return size


def decode_metadata(untrusted: bytes, plaintext_size: int) -> Metadata:
    """Read the metadata, and check that the plaintext has the length that follows from them.

    Raises:
        DamagedContainer: they break a rule, or their sizes do not lead to this length.
    """
    metadata = Metadata.decode(untrusted)
    if padded_length(metadata.contents_size + len(untrusted) + LENGTH_SIZE) != plaintext_size:
        raise DamagedContainer("the sizes of the files do not add up to the length of the container")
    return metadata
