"""Metadata: one encoding, and nothing that hostile JSON could do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dropbox_app.container.metadata import FileEntry, Metadata, clean_note, clean_type
from dropbox_app.container.names import NameCleaner
from dropbox_app.errors import DamagedContainer, Refused
from tests.container.ways import modest
from tests.vectors import second_reader

_TEXT = st.text(max_size=40)


@st.composite
def _metadata(draw: st.DrawFn) -> Metadata:
    cleaner = NameCleaner()
    names = [cleaner.add(name) for name in draw(st.lists(_TEXT, max_size=4))]
    types = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=127)
    files = tuple(FileEntry(name, draw(st.integers(0, 2**53 - 1)), draw(types)) for name in names)
    allowed = st.characters(codec="utf-8", exclude_categories=["Cc"], include_characters="\t\n")
    return Metadata(files, draw(st.text(allowed, min_size=0 if files else 1, max_size=40)) or None)


@given(_metadata())
@modest
def test_what_was_encoded_is_decoded(metadata: Metadata) -> None:
    """Decoding gives what was encoded; the second reader takes the same bytes."""
    encoded = metadata.encode()
    assert Metadata.decode(encoded) == metadata
    second_reader.check_metadata(encoded)


@given(_metadata(), st.data())
@modest
def test_a_changed_byte_is_refused_or_means_something_else(metadata: Metadata, data: st.DataObject) -> None:
    """Whatever byte is changed, the only error is DamagedContainer, and there are no two encodings of one thing."""
    encoded = bytearray(metadata.encode())
    encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    try:
        decoded = Metadata.decode(bytes(encoded))
    except DamagedContainer:
        with pytest.raises(second_reader.RefusedBy):
            second_reader.check_metadata(bytes(encoded))
        return
    assert decoded.encode() == encoded
    second_reader.check_metadata(bytes(encoded))


@given(st.binary(max_size=100))
@modest
def test_any_bytes_at_all(raw: bytes) -> None:
    """Bytes that are no metadata raise DamagedContainer and nothing else."""
    with pytest.raises(DamagedContainer):
        Metadata.decode(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 2**20,
        b'{"files":' * 100_000,
        b'{"files":[{"name":"a","size":' + b"9" * 1_000_000 + b',"type":"b"}]}',
        b'{"files":[{"name":"a","size":-' + b"9" * 1_000_000 + b',"type":"b"}]}',
        b'{"files":[{"name":"a","size":1e' + b"9" * 1000 + b',"type":"b"}]}',
        b'{"files":[{"name":"a","size":Infinity,"type":"b"}]}',
        b'{"files":[{"name":"a","size":0.' + b"1" * 1_000_000 + b',"type":"b"}]}',
        b"\x00" * 4,
        b"0" * 2**20,
        b" " * (2**20 + 1),
    ],
    ids=lambda raw: repr(raw[:12] + raw[28:32]),
)
def test_hostile_json(raw: bytes) -> None:
    """Depth, digits and size end in DamagedContainer, at once."""
    with pytest.raises(DamagedContainer):
        Metadata.decode(raw)


def test_more_than_a_mebibyte_is_refused() -> None:
    """A writer refuses what no reader would take, and names the field."""
    files = tuple(FileEntry(f"{number:0250}", 1, "a/b") for number in range(4000))
    with pytest.raises(Refused) as caught:
        Metadata(files, None).encode()
    assert caught.value.field == "file"


@given(st.text(st.characters(codec=None), max_size=60))
@modest
def test_cleaned_notes_and_types_are_taken(text: str) -> None:
    """What `clean_note` and `clean_type` give can be written, and cleaning it again changes nothing."""
    media_type = clean_type(text)
    try:
        note = clean_note(text)
    except Refused:
        note = None
    assert (clean_note(note), clean_type(media_type)) == (note, media_type)
    metadata = Metadata((FileEntry("a", 0, media_type),), note)
    assert Metadata.decode(metadata.encode()) == metadata


def test_metadata_show_nothing() -> None:
    """Names and notes do not get into logs by way of a repr."""
    metadata = Metadata((FileEntry("secret.txt", 1, "a/b"),), "secret")
    assert "secret" not in f"{metadata!r}{metadata.files!r}"
