"""Bodies: chunks in the caller's buffers, and readers over sources that misbehave."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from dropbox_app.container.body import (
    CHUNK,
    MAX_CHUNKS,
    SEALED_CHUNK,
    TAG,
    BodyFile,
    BodyKey,
    BodyStreamReader,
    BodyWriter,
)
from dropbox_app.container.ranges import BytesSource
from dropbox_app.container.sealing import read_header
from dropbox_app.errors import DamagedContainer
from tests.container.ways import (
    BODY_SALT,
    FILE_KEY,
    SPLITS,
    body_by_random_access,
    body_streamed,
    body_whole,
    modest,
    random_pieces,
)

CONTEXT = b"context"
EVERY_WAY = [body_whole, body_by_random_access, *map(body_streamed, SPLITS.values())]
BORDERS = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK, 2 * CHUNK + 1]


def _key() -> BodyKey:
    return BodyKey(FILE_KEY, CONTEXT, BODY_SALT)


def _plaintext(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def _body(plaintext: bytes) -> bytes:
    key = _key()
    return key.prefix + bytes(BodyWriter(key).finish(plaintext))


@pytest.mark.parametrize("size", BORDERS)
def test_sizes_around_the_borders_of_chunks(size: int) -> None:
    """Every way gives back what was sealed, and the body has one tag for each chunk."""
    body = _body(_plaintext(size))
    assert len(body) == 56 + size + TAG * (size // CHUNK + 1)
    for way in EVERY_WAY:
        assert way(FILE_KEY, CONTEXT, body) == _plaintext(size)


@pytest.mark.parametrize("size", BORDERS)
def test_a_body_that_is_cut_anywhere_is_refused(size: int) -> None:
    """No beginning of a body is a body; least of all one that ends at a chunk's border."""
    body = _body(_plaintext(size))
    for end in {*range(min(200, len(body))), *range(len(body) - 20, len(body)), 56 + SEALED_CHUNK}:
        if 0 <= end < len(body):
            for way in (body_whole, body_by_random_access, body_streamed(random_pieces)):
                with pytest.raises(DamagedContainer):
                    way(FILE_KEY, CONTEXT, body[:end])


@given(st.lists(st.sampled_from([0, 1, 100, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK]), max_size=6), st.booleans())
@modest
def test_the_writer_seals_the_same_whatever_the_pieces(sizes: list[int], at_once: bool) -> None:
    """Pieces of any size, given to `update` or the last one to `finish`, seal to one body."""
    plaintext = _plaintext(sum(sizes))
    key = _key()
    writer, sealed, start = BodyWriter(key), bytearray(key.prefix), 0
    for index, size in enumerate(sizes):
        piece = memoryview(plaintext)[start : start + size]
        last = at_once and index == len(sizes) - 1
        sealed += writer.finish(piece) if last else writer.update(piece)
        start += size
    if not at_once or not sizes:
        sealed += writer.finish()
    assert sealed == _body(plaintext)


def test_the_writer_uses_one_buffer() -> None:
    """What it returns lies in the same memory each time, sized for the largest piece."""
    writer = BodyWriter(_key())
    first = writer.update(_plaintext(5 * CHUNK))
    assert writer.update(_plaintext(3 * CHUNK + 7)).obj is first.obj
    assert len(memoryview(first.obj)) < 6 * SEALED_CHUNK + 2 * TAG


def test_a_finished_writer_seals_nothing() -> None:
    """A chunk's number is never used twice: after the end every call is an error in the program."""
    writer = BodyWriter(_key())
    writer.finish(b"x")
    for call in (writer.update, writer.finish):
        with pytest.raises(RuntimeError):
            call(b"x")


def test_a_finished_stream_takes_nothing() -> None:
    """A body has ended when it has ended."""
    reader = BodyStreamReader(FILE_KEY, CONTEXT)
    assert reader.feed(_body(b"x")) + reader.finish() == b"x"
    with pytest.raises(RuntimeError):
        reader.feed(b"")
    with pytest.raises(RuntimeError):
        reader.finish()


def test_chunks_are_opened_in_place_and_moved_together() -> None:
    """Several chunks, the last one short, end up as plaintext at the front of their own buffer."""
    plaintext = _plaintext(3 * CHUNK + 5)
    buffer = bytearray(_body(plaintext)[56:])
    count = _key().open_in_place(0, memoryview(buffer), last=True)
    assert buffer[:count] == plaintext


@pytest.mark.parametrize("damaged", [0, CHUNK + 5, SEALED_CHUNK, 2 * SEALED_CHUNK + 3, 3 * SEALED_CHUNK])
def test_nothing_unverified_is_left_behind(damaged: int) -> None:
    """When one chunk is damaged, the whole buffer is zeros afterwards."""
    buffer = bytearray(_body(_plaintext(3 * CHUNK + 5))[56:])
    buffer[damaged] ^= 1
    with pytest.raises(DamagedContainer):
        _key().open_in_place(0, memoryview(buffer), last=True)
    assert not any(buffer)


def test_what_a_caller_may_not_do_with_chunks() -> None:
    """Too long, too many, not whole: errors in the program."""
    key, room = _key(), memoryview(bytearray(2 * SEALED_CHUNK))
    with pytest.raises(ValueError, match="16384"):
        key.seal_into(0, memoryview(bytes(CHUNK + 1)), room)
    for index in (-1, MAX_CHUNKS):
        with pytest.raises(ValueError, match="chunks"):
            key.seal_into(index, memoryview(b""), room)
    with pytest.raises(ValueError, match="buffer must be"):
        key.seal_into(0, memoryview(b"x"), room[:16])
    with pytest.raises(ValueError, match="last chunk"):
        key.open_in_place(0, room[:-1], last=False)
    with pytest.raises(ValueError, match="at least one"):
        BodyFile(FILE_KEY, CONTEXT, BytesSource(_body(b""))).open_pieces_into(0, room[:100])
    with pytest.raises(ValueError, match="negative"):
        BodyFile(FILE_KEY, CONTEXT, BytesSource(_body(b""))).read(-1, 1)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_file_key_has_32_bytes(size: int) -> None:
    """Keys of another size are refused when they are given."""
    with pytest.raises(ValueError, match="32 bytes"):
        BodyKey(bytes(size), CONTEXT, BODY_SALT)
    with pytest.raises(ValueError, match="32 bytes"):
        BodyStreamReader(bytes(size), CONTEXT)


def test_a_salt_has_24_bytes() -> None:
    """Salts of another size are a bug of the caller."""
    with pytest.raises(ValueError, match="24 bytes"):
        BodyKey(FILE_KEY, CONTEXT, b"short")


@given(st.integers(0, 70_000), st.integers(0, 70_000))
@modest
def test_random_access_is_slicing(offset: int, length: int) -> None:
    """Any range of the plaintext is what slicing gives."""
    file = BodyFile(FILE_KEY, CONTEXT, BytesSource(_BODY))
    assert file.size == len(_PLAINTEXT)
    assert file.read(offset, length) == _PLAINTEXT[offset : offset + length]


_PLAINTEXT = _plaintext(50_000)
_BODY = _body(_PLAINTEXT)


class _Shrinking:
    """A source that ends earlier than it said."""

    def __init__(self, end: int) -> None:
        self.size = len(_BODY)
        self._source = BytesSource(_BODY[:end])

    def read_into(self, offset: int, buffer: memoryview) -> int:
        return self._source.read_into(offset, buffer)


@pytest.mark.parametrize("end", [0, 55, 56, len(_BODY) - 1])
def test_a_source_that_ends_early_is_damage(end: int) -> None:
    """Fewer bytes than the size promises are never taken for the end."""
    with pytest.raises(DamagedContainer):
        BodyFile(FILE_KEY, CONTEXT, _Shrinking(end))


def test_a_header_that_ends_early_is_damage() -> None:
    """The same for the header of a container."""
    source = _Shrinking(103)
    source.size = 4272
    with pytest.raises(DamagedContainer):
        read_header(source)


def test_a_chunk_is_read_only_when_it_is_asked_for() -> None:
    """Opening reads the prefix and the last chunk, and nothing in between."""
    asked: list[tuple[int, int]] = []

    class Noting(BytesSource):
        def read_into(self, offset: int, buffer: memoryview) -> int:
            asked.append((offset, len(buffer)))
            return super().read_into(offset, buffer)

    file = BodyFile(FILE_KEY, CONTEXT, Noting(_BODY))
    last = 56 + 3 * SEALED_CHUNK
    assert asked == [(0, 56), (last, len(_BODY) - last)]
    file.read(len(_PLAINTEXT) - 4, 4)
    assert len(asked) == 2
    file.read(CHUNK, 1)
    assert asked[2:] == [(56 + SEALED_CHUNK, SEALED_CHUNK)]
