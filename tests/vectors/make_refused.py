"""Containers with exactly one fault each, made with the right keys by hand."""

import base64
from collections.abc import Iterator
from functools import cache
from typing import Any

from dropbox_app.container.keys import wrap
from tests.vectors.make_containers import (
    FIRST,
    SECOND,
    contents,
    drop_keys,
    file,
    fixed,
    header_of,
    metadata_bytes,
    opened_containers,
    plaintext,
    sealed,
    sealed_body,
    vector,
)
from tests.vectors.make_tables import refused_metadata

Named = tuple[str, dict[str, Any]]
Pieces = list[list[int]]

_FILES = [file("a.txt", 7)]
_METADATA = metadata_bytes(_FILES)
_CONTENTS = contents(_FILES[0])
_PLAINTEXT = plaintext(_CONTENTS, _METADATA)

_SMALL, _FULL, _LARGE = "file-of-one-byte", "last-chunk-empty", "three-chunks"
_CHUNKS = [160, 160 + 16_400, 160 + 2 * 16_400]


def refused_containers() -> Iterator[Named]:
    """Containers that every reader refuses."""
    yield from _sizes()
    yield from _headers()
    yield from _passwords()
    yield from _bodies()
    yield from _trailers()
    for slug, rule, comment, raw, size in refused_metadata():
        if len(raw) < 4000:
            name = f"metadata-{slug}"
            yield _damaged(name, rule, comment, sealed(name, plaintext(bytes(size), raw)))


def _damaged(name: str, rule: str, comment: str, container: bytes, noticed: str = "opening", **more: Any) -> Named:
    return name, vector(comment, "damaged", container, rule=rule, noticed=noticed, **more)


@cache
def _size_of(source: str) -> int:
    return len(base64.b64decode(dict(opened_containers())[source]["container"]))


def _edited(
    name: str, rule: str, comment: str, source: str, put: list[list[Any]] | None = None, *,
    pieces: Pieces | None = None, noticed: str = "opening", result: str = "damaged",
    passwords: tuple[str, str] = (FIRST, SECOND),
) -> Named:  # fmt: skip
    """A vector that is an opened one, put together otherwise, with bytes changed."""
    edited = {
        "container_of": f"opened/{source}.json",
        "pieces": [[0, _size_of(source)]] if pieces is None else pieces,
        "put": put or [],
    }
    first, second = passwords
    told = {"comment": comment, "result": result, "rule": rule, "noticed": noticed}
    return name, told | {"first_password": first, "second_password": second} | edited


def _flip(source: str, offset: int) -> list[list[Any]]:
    """The lowest bit of one byte."""
    container = base64.b64decode(dict(opened_containers())[source]["container"])
    offset %= len(container)
    return [[offset, f"{container[offset] ^ 1:02x}"]]


def _sizes() -> Iterator[Named]:
    size, full = _size_of(_SMALL), _size_of(_FULL)
    for name, rule, comment, source, pieces in (
        ("size-of-no-bytes", "R1", "Nothing.", _SMALL, []),
        ("size-of-header-alone", "R1", "The header, and no body.", _SMALL, [[0, 104]]),
        ("size-without-chunks", "R1", "Header, salt and commitment, and no chunk.", _SMALL, [[0, 160]]),
        ("size-without-last-chunk", "R1", "A full chunk, without the empty one that ends it.", _FULL, [[0, full - 16]]),
        ("size-of-last-chunk-below-tag", "R1", "An empty last chunk with 15 bytes of its tag.", _FULL, [[0, full - 1]]),
        ("size-cut-by-one-byte", "R2", "The last byte is missing.", _SMALL, [[0, size - 1]]),
        ("size-one-byte-too-many", "R2", "Its last byte twice.", _SMALL, [[0, size], [size - 1, size]]),
    ):
        yield _edited(name, rule, comment, source, pieces=pieces)
    for length, comment in (
        (4095, "A plaintext that is a byte short of the shortest."),
        (4097, "A plaintext whose length is no PADM\xc9 length."),
    ):
        name = f"size-of-plaintext-{length}"
        yield _damaged(name, "R2", comment, sealed(name, plaintext(_CONTENTS, _METADATA, length=length)))


def _headers() -> Iterator[Named]:
    for name, rule, comment, offset, new in (
        ("header-magic", "R3", "The magic in lower case.", 0, b"twinlock".hex()),
        ("header-version-0", "R4", "Version 0.", 8, "00"),
        ("header-version-2", "R4", "Version 2.", 8, "02"),
        ("header-profile-0", "R5", "KDF profile 0.", 9, "00"),
        ("header-profile-2", "R5", "KDF profile 2.", 9, "02"),
        ("header-first-spare-byte", "R6", "The first spare byte is not zero.", 10, "01"),
        ("header-last-spare-byte", "R6", "The last spare byte is not zero.", 15, "80"),
    ):
        yield _edited(name, rule, comment, _SMALL, [[offset, new]])


def _passwords() -> Iterator[Named]:
    for name, comment, put, passwords in (
        ("passwords-first-wrong", "Another first password.", [], ("correct-house", SECOND)),
        ("passwords-second-wrong", "Another second password.", [], (FIRST, "battery staple")),
        ("passwords-first-twice", "The first password in both places.", [], (FIRST, FIRST)),
        ("header-commitment", "The commitment to the passwords is changed.", _flip(_SMALL, 63), (FIRST, SECOND)),
        ("header-salt", "The KDF salt is changed: the passwords lead elsewhere.", _flip(_SMALL, 16), (FIRST, SECOND)),
    ):
        yield _edited(name, "R7", comment, _SMALL, put, result="wrong passwords", passwords=passwords)
    yield _edited("header-wrapped-key", "R8", "The wrapped file key is changed.", _SMALL, _flip(_SMALL, 103))
    foreign = wrap(drop_keys("other", "passwords").kek, fixed(_SMALL + " file key", 32))
    yield _edited("header-key-wrapped-by-others", "R8",
        "The file key is wrapped under other passwords than those of the commitment.",
        _SMALL, [[64, foreign.hex()]])  # fmt: skip


def _bodies() -> Iterator[Named]:
    yield _edited("body-salt", "R9", "The body's salt is changed.", _SMALL, _flip(_SMALL, 104))
    yield _edited("body-commitment", "R9", "The body's commitment is changed.", _SMALL, _flip(_SMALL, 159))
    name = "body-of-other-drop"
    header = header_of(name)
    elsewhere = header.context[:16] + bytes(16)
    yield _damaged(name, "R9", "The right file key, but the context of another drop.",
        header.encode() + sealed_body(name, _PLAINTEXT, elsewhere))  # fmt: skip
    name = "body-of-other-file-key"
    header = header_of(name)
    yield _damaged(name, "R9", "The body is sealed under another file key than the wrapped one.",
        header.encode() + sealed_body(name, _PLAINTEXT, header.context, fixed("another", 32)))  # fmt: skip
    yield from _chunks()


def _chunks() -> Iterator[Named]:
    first, second, last = _CHUNKS
    end = _size_of(_LARGE)
    yield _edited("last-chunk-changed", "R10", "A bit of the last chunk is flipped.", _LARGE, _flip(_LARGE, last))
    yield _edited("last-chunk-tag-changed", "R10", "A bit of its tag is flipped.", _LARGE, _flip(_LARGE, -1))
    yield _edited("chunk-removed", "R10", "A full chunk is missing, so the last one is not in its place.", _LARGE,
        pieces=[[0, second], [last, end]])  # fmt: skip
    yield _edited("chunks-cut-to-a-shorter-container", "R10", "Cut to a length that a container may have.", _LARGE,
        pieces=[[0, first + 4096 + 16]])  # fmt: skip
    for name, comment, put, pieces in (
        ("chunk-changed", "A bit of the first chunk is flipped.", _flip(_LARGE, first), [[0, end]]),
        ("chunk-tag-changed", "A bit of the second chunk's tag is flipped.", _flip(_LARGE, last - 1), [[0, end]]),
        ("chunks-swapped", "The two full chunks have changed places.", [],
            [[0, first], [second, last], [first, second], [last, end]]),
        ("chunk-twice", "The first chunk also stands in the place of the second.", [],
            [[0, second], [first, second], [last, end]]),
    ):  # fmt: skip
        yield _edited(name, "R11", comment, _LARGE, put, pieces=pieces, noticed="reading")


def _trailers() -> Iterator[Named]:
    name = "trailer-length-too-large"
    too_long = _PLAINTEXT[:-4] + (len(_PLAINTEXT) - 3).to_bytes(4, "big")
    yield _damaged(name, "R12", "Metadata that would begin before the plaintext.", sealed(name, too_long))
    name = "trailer-length-of-4-gib"
    yield _damaged(name, "R12", "The largest length there is.", sealed(name, _PLAINTEXT[:-4] + b"\xff" * 4))
    name = "trailer-length-zero"
    yield _damaged(name, "R13", "No metadata at all.", sealed(name, _PLAINTEXT[:-4] + bytes(4)))
    name = "trailer-length-short"
    short = _PLAINTEXT[:-4] + (len(_METADATA) - 1).to_bytes(4, "big")
    yield _damaged(name, "R13", "Metadata without their first byte.", sealed(name, short))
    name = "trailer-length-long"
    long = _PLAINTEXT[:-4] + (len(_METADATA) + 1).to_bytes(4, "big")
    yield _damaged(name, "R13", "Metadata with a zero before them.", sealed(name, long))
    name = "length-padded-further"
    further = plaintext(_CONTENTS, _METADATA, length=4352)
    yield _damaged(name, "R25", "Padded to the next length but one.", sealed(name, further))
    name = "length-of-larger-file"
    metadata = metadata_bytes([file("a.txt", 4097)])
    yield _damaged(name, "R25", "The metadata speak of more bytes than there are.", sealed(
        name, plaintext(_CONTENTS, metadata)))  # fmt: skip
    for index, which in ((len(_CONTENTS), "first"), (len(_PLAINTEXT) - 4 - len(_METADATA) - 1, "last")):
        name = f"padding-{which}-byte"
        yield _damaged(name, "R26", f"The {which} byte of the padding is not zero.", sealed(
            name, _PLAINTEXT[:index] + b"\1" + _PLAINTEXT[index + 1 :]), "reading")  # fmt: skip
