"""Lengths, for any number of bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dropbox_app.container.padding import (
    body_length,
    container_length,
    is_container_length,
    is_padded_length,
    padded_length,
    plaintext_length,
)
from tests.container.ways import modest
from tests.vectors import second_reader

_LENGTHS = st.one_of(st.integers(0, 200_000), st.integers(0, 2**51), st.integers(0, 50).map(lambda bits: 2**bits + 1))


@given(_LENGTHS)
@modest
def test_padding_is_small_and_final(length: int) -> None:
    """A padded length is not shorter, needs no more padding, costs at most 6.2 %, and is that of the second reader."""
    padded = padded_length(length)
    assert padded >= max(length, 4096)
    assert padded_length(padded) == padded
    assert is_padded_length(padded)
    assert padded == second_reader.padme(length)
    if length >= 4096:
        assert padded <= length * 1.0625
    if length >= 65536:
        assert padded <= length * 1.03125


@given(_LENGTHS)
@modest
def test_sizes_and_lengths_are_inverse(length: int) -> None:
    """From a padded length to a container's size and back."""
    padded = padded_length(length)
    assert plaintext_length(container_length(padded)) == padded
    assert container_length(padded) == 104 + body_length(padded)


@given(st.one_of(st.integers(-200, 200_000), st.integers(0, 2**53)))
@modest
def test_a_size_is_a_containers_or_not(size: int) -> None:
    """Exactly the sizes of padded lengths are those of containers; the second reader says the same."""
    if is_container_length(size):
        assert container_length(plaintext_length(size)) == size
        assert second_reader.check_size(size) == plaintext_length(size)
        return
    with pytest.raises(second_reader.RefusedBy):
        second_reader.check_size(size)


def test_the_smallest_container() -> None:
    """4,272 bytes, and nothing below."""
    assert container_length(4096) == 4272
    assert not any(is_container_length(size) for size in range(4272))


def test_a_negative_length_is_a_bug() -> None:
    """Nobody asks for the padding of less than nothing."""
    with pytest.raises(ValueError, match="negative"):
        padded_length(-1)
