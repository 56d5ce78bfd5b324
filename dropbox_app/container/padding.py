"""Lengths: what the size of a sealed container gives away, and what it may be (spec, section 5.3).

Source: Nikitin, Barman, Lueks, Underwood, Hubaux, Ford, "Reducing Metadata Leakage from Encrypted Files and
Communication with PURBs", PoPETs 2019 (PADMÉ, algorithm 1).
"""

from dropbox_app.container.body.layout import BODY_PREFIX, opened_length, sealed_length
from dropbox_app.container.header import HEADER_SIZE
from dropbox_app.errors import DamagedContainer

SMALLEST = 4096
"""Bytes of the shortest plaintext."""


def padded_length(length: int) -> int:
    """The length of a plaintext that needs so many bytes for contents, metadata and its length.

    Raises:
        ValueError: a negative length.
    """
    if length < 0:
        raise ValueError("a length is not negative")
    if length <= SMALLEST:
        return SMALLEST
    exponent = length.bit_length() - 1
    step = 1 << exponent - exponent.bit_length()
    return (length + step - 1) // step * step


def is_padded_length(length: int) -> bool:
    """Whether a plaintext may have this length."""
    return length >= SMALLEST and padded_length(length) == length


def body_length(plaintext_length: int) -> int:
    """Bytes of a sealed body: salt, commitment and chunks."""
    return BODY_PREFIX + sealed_length(plaintext_length)


def container_length(plaintext_length: int) -> int:
    """Bytes of a container whose (padded) plaintext has this length."""
    return HEADER_SIZE + body_length(plaintext_length)


def plaintext_length(container_size: int) -> int:
    """The length of the plaintext in a container of this size.

    Raises:
        DamagedContainer: no container has this size. The smallest has 4,272 bytes.
    """
    length = opened_length(container_size - HEADER_SIZE - BODY_PREFIX)
    if not is_padded_length(length):
        raise DamagedContainer("no container has this length")
    return length


def is_container_length(size: int) -> bool:
    """Whether a container may have this size."""
    try:
        plaintext_length(size)
    except DamagedContainer:
        return False
    return True
