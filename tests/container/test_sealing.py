"""Whole containers: what goes in comes out, and nothing else does."""

import hashlib
import os
from collections import deque
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from dropbox_app.container.body import CHUNK, SEALED_CHUNK, BodyKey, BodyWriter
from dropbox_app.container.keys import new_header, service_salt
from dropbox_app.container.metadata import FileEntry, Metadata
from dropbox_app.container.padding import is_container_length, padded_length
from dropbox_app.container.ranges import BytesSource
from dropbox_app.container.sealing import (
    ContainerStreamReader,
    OpenContainer,
    Sealer,
    open_container,
    read_header,
    seal_container,
)
from dropbox_app.errors import DamagedContainer, Refused, WrongPasswords
from tests.container.ways import (
    BODY_SALT,
    FILE_KEY,
    KEYS,
    SALT,
    WAYS,
    by_random_access,
    modest,
    random_pieces,
    seal,
    sealer,
    single_bytes,
    streamed,
)

THREE_CHUNKS = seal([("a.bin", bytes(range(256)) * 130), ("b.txt", b"b" * 1000)], "note")
SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2**20 - 1, 2**20, 2**20 + 1]

_FILES = st.lists(
    st.tuples(st.text(max_size=20), st.one_of(st.binary(max_size=50), st.integers(0, 40_000).map(bytes))), max_size=5
)


@given(_FILES, st.one_of(st.none(), st.just("a note"), st.just("x" * 3000)))
@modest
def test_what_is_sealed_is_opened(files: list[tuple[str, bytes]], note: str | None) -> None:
    """Every way gives back the contents, under clean names, in the same order."""
    if not files and note is None:
        with pytest.raises(Refused):
            seal(files, note)
        return
    container = seal(files, note)
    assert is_container_length(len(container))
    for way in (WAYS["random access"], WAYS["reads"], WAYS["stream of random pieces"]):
        metadata, contents = way(container, KEYS)
        assert contents == b"".join(one for _, one in files)
        assert [entry.size for entry in metadata.files] == [len(one) for _, one in files]
        assert metadata.note == note


@pytest.mark.parametrize("size", SIZES)
def test_sizes_around_the_borders_of_chunks_and_pieces(size: int) -> None:
    """0, 1, chunk and block, one less and one more, through every way but single bytes."""
    contents = hashlib.shake_256(b"contents").digest(size)
    container = seal([("a", contents)])
    for name in ("random access", "reads", "stream of random pieces", "stream of one piece"):
        assert WAYS[name](container, KEYS)[1] == contents


@given(st.integers(0, len(THREE_CHUNKS) * 8 - 1))
@modest
def test_one_flipped_bit_is_noticed(bit: int) -> None:
    """Wherever one bit of a container is flipped, every way refuses it."""
    changed = bytearray(THREE_CHUNKS)
    changed[bit // 8] ^= 1 << bit % 8
    for way in (by_random_access, streamed(random_pieces)):
        with pytest.raises((DamagedContainer, WrongPasswords)):
            way(bytes(changed), KEYS)


@given(st.integers(0, len(THREE_CHUNKS) - 1))
@modest
def test_a_cut_is_noticed(end: int) -> None:
    """No beginning of a container is one."""
    for way in (by_random_access, streamed(random_pieces)):
        with pytest.raises(DamagedContainer):
            way(THREE_CHUNKS[:end], KEYS)


@given(st.permutations(range(3)))
@modest
def test_chunks_in_another_order_are_noticed(order: list[int]) -> None:
    """Full chunks that change places do not open."""
    if order == [0, 1, 2]:
        return
    container = seal([("a.bin", os.urandom(3 * CHUNK))])
    chunks = [container[160 + k * SEALED_CHUNK : 160 + (k + 1) * SEALED_CHUNK] for k in order]
    changed = container[:160] + b"".join(chunks) + container[160 + 3 * SEALED_CHUNK :]
    for way in (by_random_access, streamed(random_pieces)):
        with pytest.raises(DamagedContainer):
            way(changed, KEYS)


def test_passwords_change_without_the_body() -> None:
    """A new header with the same salt in front of the same body is the same drop under other passwords."""
    others = type(KEYS)(kek=b"K" * 32, commitment=b"C" * 32, proof=b"P" * 32)
    changed = new_header(others, SALT, FILE_KEY).encode() + THREE_CHUNKS[104:]
    assert by_random_access(changed, others) == by_random_access(THREE_CHUNKS, KEYS)
    with pytest.raises(WrongPasswords):
        by_random_access(changed, KEYS)


def test_passwords_in_either_order_open_what_the_convenience_sealed() -> None:
    """`seal_container` and `open_container`, with a drawn salt and with that of a drop in the service."""
    for salt in (None, service_salt("1" + "0" * 31)):
        files = [("../e\u0301.txt", None, b"abc"), ("b", "image/png", b"")]
        container = seal_container(files, "n\r\n", "e\u0301", "b", salt, os.urandom)
        metadata, contents = open_container(container, "b", "\xe9")
        assert contents == [b"abc", b""]
        assert [(entry.name, entry.type) for entry in metadata.files] == [
            (".._\xe9.txt", "application/octet-stream"),
            ("b", "image/png"),
        ]
        assert metadata.note == "n\n"
        assert salt in (None, read_header(BytesSource(container)).salt)
    with pytest.raises(WrongPasswords):
        open_container(container, "b", "c")


def test_randomness_is_a_parameter() -> None:
    """The same random bytes make the same container, and each kind is drawn once."""
    drawn: list[int] = []

    def counted(size: int) -> bytes:
        drawn.append(size)
        return bytes([len(drawn)]) * size

    one = seal_container([("a", None, b"x")], None, "a", "b", None, counted)
    assert drawn == [16, 32, 24]
    drawn.clear()
    assert seal_container([("a", None, b"x")], None, "b", "a", None, counted) == one


def test_a_file_key_opens_without_passwords() -> None:
    """Whoever has the file key opens the body; with another one it is damaged."""
    source = BytesSource(THREE_CHUNKS)
    assert OpenContainer.open_with_file_key(source, FILE_KEY).metadata.note == "note"
    with pytest.raises(DamagedContainer):
        OpenContainer.open_with_file_key(source, bytes(32))


def test_one_file_out_of_many() -> None:
    """Ranges of files are where their contents lie; reading never goes beyond the contents."""
    opened = OpenContainer.open(BytesSource(THREE_CHUNKS), KEYS)
    assert [opened.file_range(index) for index in range(2)] == [(0, 33280), (33280, 34280)]
    assert opened.read(33280, 1000) == b"b" * 1000
    assert opened.read(34279, 1000) == b"b"
    assert opened.read(34280, 1000) == b""
    assert opened.read(10**9, 5) == b""
    assert opened.contents_size == 34280
    assert opened.header.salt == SALT


def test_pieces_end_where_the_body_ends() -> None:
    """`open_pieces_into` gives 0 at and behind the end, and the last chunk however large the buffer is."""
    opened = OpenContainer.open(BytesSource(THREE_CHUNKS), KEYS)
    buffer = memoryview(bytearray(64 * SEALED_CHUNK))
    assert opened.open_pieces_into(0, buffer) == 34816
    assert opened.open_pieces_into(2, buffer) == 34816 - 2 * CHUNK
    assert opened.open_pieces_into(3, buffer) == opened.open_pieces_into(1000, buffer) == 0


class TestSealer:
    """The order of calls, and what is refused."""

    def test_a_name_that_was_changed_is_told(self) -> None:
        """`begin_file` gives the name in the drop; `renamed` lists those that are not what was given."""
        one = sealer()
        given_names = ["a.txt", "A.txt", "x/y", "b"]
        assert [one.begin_file(name, None) for name in given_names] == ["a.txt", "A (2).txt", "x_y", "b"]
        assert one.renamed == [(1, "A (2).txt"), (2, "x_y")]

    def test_contents_are_counted(self) -> None:
        """`contents` is the number of bytes so far, over all files."""
        one = sealer()
        for name, data in (("a", b"abc"), ("b", bytearray(5)), ("c", memoryview(b"12"))):
            one.begin_file(name, None)
            one.write(data)
        assert one.contents == 10

    def test_neither_a_file_nor_a_note_is_refused(self) -> None:
        """At once, before anything more is sealed; a file without a byte is a file."""
        for note in (None, ""):
            with pytest.raises(Refused) as caught:
                sealer().finish(note)
            assert caught.value.field == "file"
        assert OpenContainer.open(BytesSource(seal([("a", b"")])), KEYS).contents_size == 0

    def test_a_bad_note_is_refused_at_once(self) -> None:
        """Not when the first piece is asked for; and a better note may follow."""
        one = sealer()
        one.begin_file("a", None)
        with pytest.raises(Refused) as caught:
            one.finish("\0")
        assert caught.value.field == "note"
        assert list(one.finish("good"))

    def test_too_many_files_are_refused_early(self) -> None:
        """The file whose name passes 1 MiB of metadata is refused when it begins."""
        one = sealer()
        for number in range(3300):
            one.begin_file(f"{number:0250}", None)
        with pytest.raises(Refused) as caught:
            deque(one.begin_file(f"{number:0250}", None) for number in range(3300, 3500))
        assert caught.value.field == "file"

    @pytest.mark.parametrize("late", ["begin", "begin_file", "write", "finish"])
    def test_a_finished_sealer_seals_nothing(self, late: str) -> None:
        """One file key seals one container: every further call is an error in the program."""
        one = sealer()
        one.begin_file("a", None)
        list(one.finish(None))
        arguments: dict[str, list[Any]] = {"begin": [], "begin_file": ["b", None], "write": [b"x"], "finish": [None]}
        with pytest.raises(RuntimeError):
            getattr(one, late)(*arguments[late])

    def test_the_order_of_calls(self) -> None:
        """Nothing before `begin`, no contents before a file."""
        fresh = Sealer(new_header(KEYS, SALT, FILE_KEY), FILE_KEY, BODY_SALT)
        with pytest.raises(RuntimeError):
            fresh.begin_file("a", None)
        with pytest.raises(RuntimeError):
            fresh.finish("note")
        fresh.begin()
        with pytest.raises(RuntimeError):
            fresh.begin()
        with pytest.raises(RuntimeError):
            fresh.write(b"x")

    def test_padding_comes_in_pieces(self) -> None:
        """Even long padding is sealed in pieces of about 1 MiB."""
        one = sealer()
        one.begin_file("a", None)
        data = bytes(2**20)
        for _ in range(65):
            one.write(data)
        one.write(b"x")
        sizes = [len(piece) for piece in one.finish(None)]
        assert len(sizes) > 1
        assert max(sizes) <= 2**20 + 65 * 16 + CHUNK


class TestStream:
    """What a reader gives that cannot know where the contents end."""

    def test_padding_and_metadata_never_come_out(self) -> None:
        """With padding longer than what is held back, and contents that end with zeros, exactly the contents come."""
        contents = b"begin" + bytes(2 * 2**20) + b"middle" + bytes(64 * 2**20)
        container = seal([("a", contents)], "note")
        assert len(container) - len(contents) > 2**20
        metadata, read = streamed(random_pieces)(container, KEYS)
        assert read == contents
        assert metadata.note == "note"

    def test_contents_come_before_the_end(self) -> None:
        """All but the last 1 MiB and 4 bytes, and a run of zeros before them, come as soon as they are verified."""
        contents = b"x" * (3 * 2**20)
        container = seal([("a", contents)])
        reader = ContainerStreamReader(KEYS)
        early = b"".join(reader.feed(container[:-16]))
        assert len(early) >= 2 * 2**20 - 2 * CHUNK
        assert early == contents[: len(early)]

    def test_bytes_are_taken_even_if_nobody_looks(self) -> None:
        """The pieces are an iterator, but feeding does not wait for it."""
        reader = ContainerStreamReader(KEYS)
        for data in single_bytes(THREE_CHUNKS[:1000]):
            reader.feed(data)
        reader.feed(THREE_CHUNKS[1000:])
        reader.finish()
        assert reader.metadata.note == "note"

    def test_wrong_passwords_are_told_with_the_header(self) -> None:
        """Before a byte of the body has come."""
        reader = ContainerStreamReader(type(KEYS)(b"k" * 32, bytes(32), b"p" * 32))
        reader.feed(THREE_CHUNKS[:103])
        with pytest.raises(WrongPasswords):
            reader.feed(THREE_CHUNKS[103:104])

    def test_a_finished_stream_takes_nothing(self) -> None:
        """After the end, further calls are errors in the program."""
        reader = ContainerStreamReader(KEYS)
        reader.feed(THREE_CHUNKS)
        reader.finish()
        with pytest.raises(RuntimeError):
            reader.feed(b"")
        with pytest.raises(RuntimeError):
            reader.finish()

    @pytest.mark.parametrize(("size", "at"), [(5 * 2**20, 0), (5 * 2**20, 123_456), (2**26, 0), (2**26, 2**20)])
    def test_padding_that_is_not_zero_is_noticed_far_from_the_end(self, size: int, at: int) -> None:
        """A byte in the padding is damage, even where it came out as contents before the end was known."""
        metadata = Metadata((FileEntry("a", size, "b"),), None).encode()
        trailer = metadata + len(metadata).to_bytes(4, "big")
        plaintext = bytearray(padded_length(size + len(trailer)))
        plaintext[-len(trailer) :] = trailer
        plaintext[size + at] = 1
        header = new_header(KEYS, SALT, FILE_KEY)
        key = BodyKey(FILE_KEY, header.context, BODY_SALT)
        container = header.encode() + key.prefix + bytes(BodyWriter(key).finish(plaintext))
        for way in (by_random_access, streamed(random_pieces)):
            with pytest.raises(DamagedContainer, match="padding"):
                way(container, KEYS)
