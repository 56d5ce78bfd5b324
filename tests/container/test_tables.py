"""The tables of the vectors: what is accepted, refused, cleaned and derived."""

import json
from pathlib import Path
from typing import Any

import pytest

from dropbox_app.container.body import BodyKey
from dropbox_app.container.keys import service_salt, unwrap, wrap
from dropbox_app.container.metadata import Metadata, clean_note, clean_type
from dropbox_app.container.names import NameCleaner, check_name, clean_name, folded
from dropbox_app.container.padding import container_length, is_container_length, padded_length, plaintext_length
from dropbox_app.container.passwords import check_pair, check_password
from dropbox_app.errors import DamagedContainer, Refused
from tests.container.ways import keys_of

VECTORS = Path(__file__).parents[1] / "vectors"


def _load(name: str) -> Any:
    return json.loads((VECTORS / name).read_text("ascii"))


def test_keys_derive_as_written() -> None:
    """Passwords to kek, commitment and proof; file ID to salt; wrapping; the commitment of a body."""
    table = _load("keys.json")
    for row in table["stretch"]:
        keys = keys_of(row["first_password"], row["second_password"], bytes.fromhex(row["salt"]))
        assert (keys.kek.hex(), keys.commitment.hex(), keys.proof.hex()) == (
            row["kek"],
            row["commitment"],
            row["proof"],
        ), row["comment"]
    for row in table["service_salt"]:
        assert service_salt(row["file_id"]).hex() == row["salt"]
    for row in table["wrap"]:
        kek, file_key, wrapped = (bytes.fromhex(row[name]) for name in ("kek", "file_key", "wrapped"))
        assert wrap(kek, file_key) == wrapped
        assert unwrap(kek, wrapped) == file_key
    for row in table["body"]:
        key = BodyKey(*(bytes.fromhex(row[name]) for name in ("file_key", "context", "body_salt")))
        assert key.prefix.hex() == row["body_salt"] + row["commitment"]


def test_passwords_are_accepted_and_refused() -> None:
    """The NFC of each accepted one is hashed; the error names the field."""
    table = _load("passwords.json")
    for row in table["accepted"]:
        assert check_password(row["password"], "first_password").encode().hex() == row["utf8"]
    for row in table["refused"]:
        with pytest.raises(Refused) as caught:
            check_password(row["password"], "first_password")
        assert caught.value.field == "first_password"
    for pair in table["equal_pairs"]:
        with pytest.raises(Refused) as caught:
            check_pair(*pair)
        assert caught.value.field == "second_password"


def test_lengths_are_padded() -> None:
    """Needed bytes to plaintext to container and back, and sizes that no container has."""
    table = _load("padding.json")
    for row in table["lengths"]:
        assert padded_length(row["needed"]) == row["plaintext"]
        assert container_length(row["plaintext"]) == row["container"]
        assert plaintext_length(row["container"]) == row["plaintext"]
    for size in table["no_container_has"]:
        assert not is_container_length(size)
        with pytest.raises(DamagedContainer):
            plaintext_length(size)


def test_names_are_accepted_refused_and_cleaned() -> None:
    """What a reader takes, what it refuses, and what a writer makes of it."""
    table = _load("names.json")
    for name in table["accepted"]:
        check_name(name)
        assert clean_name(name) == name
    for row in table["refused"]:
        with pytest.raises(DamagedContainer):
            check_name(row["name"])
    for row in table["cleaned"]:
        assert clean_name(row["given"]) == row["written"]
    for row in table["drops"]:
        cleaner = NameCleaner()
        assert [cleaner.add(name) for name in row["given"]] == row["written"]
    assert all(folded(one) == folded(other) for one, other in table["same_after_folding"])
    assert all(folded(one) != folded(other) for one, other in table["different_after_folding"])


def test_metadata_are_accepted_and_refused() -> None:
    """Accepted ones are encoded again to the same bytes."""
    table = _load("metadata.json")
    for text in table["accepted"]:
        assert Metadata.decode(text.encode()).encode() == text.encode()
    for row in table["refused"]:
        before, unit, after = (bytes.fromhex(row.get(name, "")) for name in ("hex_before", "hex_repeated", "hex_after"))
        raw = bytes.fromhex(row["hex"]) if "hex" in row else before + unit * row["times"] + after
        with pytest.raises(DamagedContainer):
            Metadata.decode(raw)


def test_notes_and_types_are_cleaned() -> None:
    """CR LF becomes LF; a type that is none becomes the unknown one; other notes are refused."""
    table = _load("metadata.json")
    for row in table["notes"]:
        assert clean_note(row["given"]) == row["written"]
    for row in table["types"]:
        assert clean_type(row["given"]) == row["written"]
    for note in table["refused_notes"]:
        with pytest.raises(Refused, match="note"):
            clean_note(note)
    for row in table["repeated_notes"]:
        note = row["unit"] * row["times"]
        if row["accepted"]:
            assert clean_note(note) == note.replace("\r\n", "\n")
            continue
        with pytest.raises(Refused, match="note"):
            clean_note(note)
