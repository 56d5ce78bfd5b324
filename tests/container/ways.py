"""The ways over a container and over a bare body, and a drop whose keys cost no hashing."""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from random import Random

from hypothesis import settings

from dropbox_app.container.body import SEALED_CHUNK, BodyFile, BodyStreamReader, open_body
from dropbox_app.container.header import HEADER_SIZE
from dropbox_app.container.keys import DropKeys, new_header, stretch
from dropbox_app.container.metadata import Metadata
from dropbox_app.container.ranges import BytesSource
from dropbox_app.container.sealing import ContainerStreamReader, OpenContainer, Sealer

modest = settings(derandomize=True, deadline=None, max_examples=80, database=None)
"""Few examples, the same every time."""

KEYS = DropKeys(kek=b"k" * 32, commitment=b"c" * 32, proof=b"p" * 32)
FILE_KEY, SALT, BODY_SALT = b"f" * 32, b"s" * 16, b"b" * 24

Opened = tuple[Metadata, bytes]
Way = Callable[[bytes, DropKeys], Opened]
Split = Callable[[bytes], Iterable[bytes]]


@cache
def keys_of(first: str, second: str, salt: bytes) -> DropKeys:
    """What two passwords lead to, hashed once in a run."""
    return stretch(first, second, salt)


def sealer() -> Sealer:
    """A sealer with the fixed keys, begun."""
    one = Sealer(new_header(KEYS, SALT, FILE_KEY), FILE_KEY, BODY_SALT)
    one.begin()
    return one


def seal(files: Iterable[tuple[str, bytes]], note: str | None = None) -> bytes:
    """A container of these files, under the fixed keys."""
    one = Sealer(new_header(KEYS, SALT, FILE_KEY), FILE_KEY, BODY_SALT)
    container = bytearray(one.begin())
    for name, contents in files:
        one.begin_file(name, None)
        container += one.write(contents)
    for piece in one.finish(note):
        container += piece
    return bytes(container)


def one_piece(data: bytes) -> Iterator[bytes]:
    """All at once."""
    yield data


def single_bytes(data: bytes) -> Iterator[bytes]:
    """Byte by byte."""
    for index in range(len(data)):
        yield data[index : index + 1]


def random_pieces(data: bytes) -> Iterator[bytes]:
    """Pieces of any size, some empty, some longer than a chunk; the same every time."""
    random = Random(len(data))  # noqa: S311 - where to cut is no secret
    start = 0
    while start < len(data):
        end = start + random.choice((0, 1, 15, 16, 17, 56, 104, 1000, 16384, 16400, 40000))
        yield data[start:end]
        start = end


SPLITS: dict[str, Split] = {"one piece": one_piece, "single bytes": single_bytes, "random pieces": random_pieces}


def by_random_access(container: bytes, keys: DropKeys) -> Opened:
    """With two-chunk buffers, from the end to the beginning, and the padding."""
    opened = OpenContainer.open(BytesSource(container), keys)
    buffer = memoryview(bytearray(2 * SEALED_CHUNK + 5))
    pieces: list[bytes] = []
    for chunk in reversed(range(0, (len(container) - 160) // SEALED_CHUNK + 1, 2)):
        pieces.insert(0, bytes(buffer[: opened.open_pieces_into(chunk, buffer)]))
    opened.verify_padding()
    return opened.metadata, b"".join(pieces)[: opened.contents_size]


def by_reads(container: bytes, keys: DropKeys) -> Opened:
    """Through `read`, file by file, and the padding."""
    opened = OpenContainer.open(BytesSource(container), keys)
    ranges = (opened.file_range(index) for index in range(len(opened.metadata.files)))
    contents = b"".join(opened.read(start, end - start) for start, end in ranges)
    opened.verify_padding()
    return opened.metadata, contents


def streamed(split: Split) -> Way:
    """A way through the streaming reader."""

    def read(container: bytes, keys: DropKeys) -> Opened:
        reader = ContainerStreamReader(keys)
        contents = b"".join(piece for data in split(container) for piece in reader.feed(data))
        contents += b"".join(reader.finish())
        return reader.metadata, contents

    return read


WAYS: dict[str, Way] = {
    "random access": by_random_access,
    "reads": by_reads,
    **{f"stream of {name}": streamed(split) for name, split in SPLITS.items()},
}


def salt_in(container: bytes) -> bytes:
    """The KDF salt in the header, if it is there."""
    salt = container[16:32]
    return salt if len(container) >= HEADER_SIZE else SALT


def body_whole(key: bytes, context: bytes, body: bytes) -> bytes:
    """A bare body in one go."""
    return open_body(key, context, body)


def body_by_random_access(key: bytes, context: bytes, body: bytes) -> bytes:
    """A bare body through random access, three chunks at a time."""
    file = BodyFile(key, context, BytesSource(body))
    buffer = memoryview(bytearray(3 * SEALED_CHUNK))
    plaintext = bytearray()
    for chunk in range(0, file.size // 16384 + 1, 3):
        plaintext += buffer[: file.open_pieces_into(chunk, buffer)]
    return bytes(plaintext)


def body_streamed(split: Split, released: bytearray | None = None) -> Callable[[bytes, bytes, bytes], bytes]:
    """A bare body through the streaming reader; what came out before an error is in ``released``."""

    def read(key: bytes, context: bytes, body: bytes) -> bytes:
        out = bytearray() if released is None else released
        reader = BodyStreamReader(key, context)
        for data in split(body):
            out += reader.feed(data)
        out += reader.finish()
        return bytes(out)

    return read
