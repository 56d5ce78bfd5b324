"""Containers that open, and the parts that containers with a fault are made of."""

import base64
import hashlib
from collections.abc import Iterator
from functools import cache
from typing import Any

from dropbox_app.container.body import BodyKey, BodyWriter
from dropbox_app.container.header import Header
from dropbox_app.container.keys import DropKeys, new_header, service_salt, stretch
from dropbox_app.container.metadata import FileEntry, Metadata
from dropbox_app.container.padding import padded_length
from dropbox_app.container.sealing import Sealer

FIRST, SECOND = "correct-horse", "battery-staple"
FILE_ID = "1f8t00123456789abcdefghjkmnpqrst"
SALT = service_salt(FILE_ID)
PATTERN = bytes.fromhex("0123456789abcd")

File = dict[str, Any]


def fixed(label: str, size: int) -> bytes:
    """Bytes that stand for random ones, the same every time."""
    return hashlib.shake_256(f"twinlock vectors {label}".encode()).digest(size)


@cache
def drop_keys(first: str = FIRST, second: str = SECOND, salt: bytes = SALT) -> DropKeys:
    """What two passwords lead to; derived once."""
    return stretch(first, second, salt)


def file(name: str, size: int, repeat: bytes = PATTERN, media_type: str = "text/plain") -> File:
    """One file, whose contents repeat a few bytes."""
    return {"name": name, "type": media_type, "size": size, "repeat": repeat.hex()}


def contents(entry: File) -> bytes:
    """The contents of a file."""
    unit = bytes.fromhex(entry["repeat"])
    size: int = entry["size"]
    return (unit * (size // len(unit) + 1))[:size]


def metadata_bytes(files: list[File], note: str | None = None) -> bytes:
    """The canonical metadata of these files."""
    return Metadata(tuple(FileEntry(one["name"], one["size"], one["type"]) for one in files), note).encode()


def plaintext(body: bytes, metadata: bytes, *, length: int | None = None) -> bytes:
    """Contents, zeros, metadata, length of the metadata; padded as it should be, or to another length."""
    needed = len(body) + len(metadata) + 4
    zeros = (padded_length(needed) if length is None else length) - needed
    return body + bytes(zeros) + metadata + len(metadata).to_bytes(4, "big")


def sealed_body(name: str, text: bytes, context: bytes, file_key: bytes | None = None) -> bytes:
    """A body, with the randomness of this vector."""
    key = BodyKey(file_key or fixed(name + " file key", 32), context, fixed(name + " body salt", 24))
    return key.prefix + bytes(BodyWriter(key).finish(text))


def header_of(name: str, keys: DropKeys | None = None, salt: bytes = SALT) -> Header:
    """A header around this vector's file key."""
    return new_header(keys or drop_keys(), salt, fixed(name + " file key", 32))


def sealed(name: str, text: bytes) -> bytes:
    """A container with this plaintext, whatever it is."""
    header = header_of(name)
    return header.encode() + sealed_body(name, text, header.context)


def vector(comment: str, result: str, container: bytes, **more: Any) -> dict[str, Any]:
    """A vector file around a container."""
    passwords = {"first_password": FIRST, "second_password": SECOND}
    return {"comment": comment, "result": result} | passwords | more | {
        "container": base64.b64encode(container).decode()
    }  # fmt: skip


def _opened(
    name: str, comment: str, files: list[File], note: str | None = None, *, passwords: tuple[str, str] = (FIRST, SECOND)
) -> tuple[str, dict[str, Any]]:
    first, second = passwords
    file_key, body_salt = fixed(name + " file key", 32), fixed(name + " body salt", 24)
    sealer = Sealer(header_of(name, drop_keys(first, second)), file_key, body_salt)
    container = bytearray(sealer.begin())
    for entry in files:
        if sealer.begin_file(entry["name"], entry["type"]) != entry["name"]:
            raise ValueError(f"{name}: a name was cleaned")
        container += sealer.write(contents(entry))
    for piece in sealer.finish(note):
        container += piece
    made_with = {"salt": SALT.hex(), "file_key": file_key.hex(), "body_salt": body_salt.hex()}
    told = {"first_password": first, "second_password": second} | made_with
    return name, vector(comment, "opens", bytes(container), **told, files=files, note=note)


def _exactly(length: int) -> list[File]:
    """One file that needs this plaintext length without any padding."""
    size = length
    while True:
        entry = file("a.bin", size)
        needed = size + len(metadata_bytes([entry])) + 4
        if needed == length:
            return [entry]
        size -= needed - length


@cache
def opened_containers() -> tuple[tuple[str, dict[str, Any]], ...]:
    """Containers that every reader opens."""
    return tuple(_all_opened())


def _all_opened() -> Iterator[tuple[str, dict[str, Any]]]:
    yield _opened("file-of-no-bytes", "A file without contents.", [file("empty.txt", 0)])
    yield _opened("file-of-one-byte", "The worked example of the specification.", [file("a.txt", 1, b"x")])
    for size in (16383, 16384, 16385):
        yield _opened(f"file-of-{size}-bytes", "Contents that end at a chunk's border.", [file("a.bin", size)])
    yield _opened("three-chunks", "Two full chunks and a short one.", [file("a.bin", 33000)])
    yield _opened("padding-of-no-bytes", "Contents and trailer fill 4096 bytes.", _exactly(4096))
    yield _opened("last-chunk-empty", "Contents and trailer fill one chunk; the last one is empty.", _exactly(16384))
    yield _opened(
        "metadata-across-chunks",
        "The metadata begin in one chunk and end in the next.",
        [file("a.bin", 14000)],
        "line\n" * 500,
    )
    several = [file("a.txt", 5), file("empty", 0), file("b.txt", 300, b"\0"), file("empty (2)", 0), file("c.txt", 1)]
    yield _opened("several-files", "Five files, two of them without contents.", several)
    yield _opened("note-only", "No file at all.", [], "A note.\n\tIts second line.")
    yield _opened("note-and-file", "A file and a note.", [file("a.txt", 7)], 'Quotes " and \\ and /.')
    yield _opened("contents-of-zeros", "Contents that look like padding.", [file("zeros", 5000, b"\0")])
    yield _opened(
        "strings-beyond-ascii",
        "Name, note and passwords beyond ASCII; the passwords are given in NFD.",
        [file("f\xedn d\u2019\xe9t\xe9 \U0001f3dd.txt", 9)],
        "\U0001f600 \u2028 \ufeff",
        passwords=("ho\u0308lzerne Bru\u0308cke", "\u1100\u1161\u11a8 \u03b1\u0313\u0300\u0345"),
    )
    three = [file("a.txt", 3)]
    yield _opened("passwords-swapped", "First and second change places.", three, passwords=(SECOND, FIRST))
    comment = "A writer refuses two equal passwords; a reader does not care."
    yield _opened("passwords-equal", comment, three, passwords=(FIRST, FIRST))
    unknown = [file("a", 3, media_type="application/octet-stream")]
    yield _opened("media-type-unknown", "The type of a file of which none is known.", unknown)
