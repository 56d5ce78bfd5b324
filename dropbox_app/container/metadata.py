"""What the files are called, and the note: canonical JSON behind the contents (spec, section 5.1)."""

import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

from dropbox_app.container.names import check_name, folded
from dropbox_app.errors import DamagedContainer, Refused

MAX_METADATA_SIZE = 2**20
"""Bytes of the canonical JSON."""
MAX_NOTE_SIZE = 64 * 1024
"""Bytes of UTF-8."""
MAX_FILE_SIZE = 2**53 - 1
"""The largest integer that JSON readers everywhere agree about (RFC 8785, section 3.2.2.3)."""
UNKNOWN_TYPE = "application/octet-stream"

_TYPE = re.compile("[\x20-\x7e]{1,127}")
_FORBIDDEN_IN_NOTE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class FileEntry:
    """One file of a drop.

    Args:
        name: As `names.check_name` takes it.
        size: Bytes, 0 to 2^53 - 1.
        type: A media type: 1 to 127 printable ASCII characters; a hint, never obeyed.
    """

    name: str
    size: int
    type: str

    def __repr__(self) -> str:
        return "FileEntry(…)"


@dataclass(frozen=True)
class Metadata:
    """The files in the order of their contents, and the note if there is one."""

    files: tuple[FileEntry, ...]
    note: str | None

    def __repr__(self) -> str:
        return "Metadata(…)"

    @property
    def contents_size(self) -> int:
        """Bytes of all files together."""
        return sum(entry.size for entry in self.files)

    def encode(self) -> bytes:
        """The canonical JSON (RFC 8785), as UTF-8.

        Raises:
            Refused: it has more than 1 MiB.
        """
        encoded = _canonical(self)
        if len(encoded) > MAX_METADATA_SIZE:
            raise too_many_files()
        return encoded

    @classmethod
    def decode(cls, untrusted: bytes) -> "Metadata":
        """Read the canonical JSON, and nothing but it.

        Raises:
            DamagedContainer: these are not the bytes that a writer would have written, or break a rule.
        """
        if len(untrusted) > MAX_METADATA_SIZE:
            raise DamagedContainer("the metadata have more than 1 MiB")
        try:
            parsed = json.loads(
                untrusted.decode(), parse_int=_parse_int, parse_float=_no_number, parse_constant=_no_number
            )
            metadata = _from_json(parsed)
            same = _canonical(metadata) == untrusted
        # A lone surrogate can be read, but not written; deep nesting ends in a RecursionError.
        except (ValueError, RecursionError) as error:
            raise DamagedContainer("the metadata are not the JSON that they should be") from error
        if not same:
            raise DamagedContainer("the metadata are not in their canonical form")
        _check(metadata)
        return metadata


def clean_note(text: str | None) -> str | None:
    """A note as it is written: CR LF becomes LF, and an empty one is none.

    Raises:
        Refused: a control character other than tab and line feed, broken Unicode, or more than 64 KiB.
    """
    if not text:
        return None
    note = text.replace("\r\n", "\n")
    try:
        size = len(note.encode())
    except UnicodeEncodeError:
        raise Refused("note", "a note is made of whole Unicode characters") from None
    if size > MAX_NOTE_SIZE:
        raise Refused("note", "a note has at most 64 KiB")
    if _FORBIDDEN_IN_NOTE.search(note):
        raise Refused("note", "a note has no control characters but tabs and line feeds")
    return note


def clean_type(text: str | None) -> str:
    """A media type as it is written: what is none becomes ``application/octet-stream``."""
    return text if text is not None and _TYPE.fullmatch(text) else UNKNOWN_TYPE


def entry_size(name: str, media_type: str) -> int:
    """The fewest bytes that one file adds to the metadata, whatever its size will be."""
    return len(_json(_entry_to_json(FileEntry(name, 0, media_type)))) + 1


def too_many_files() -> Refused:
    """What is raised when the metadata pass 1 MiB."""
    return Refused("file", "there are too many files, or their names are too long, for one drop")


def _json(value: object) -> bytes:
    # For strings, small integers and ASCII keys, these are the bytes of RFC 8785.
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _entry_to_json(entry: FileEntry) -> dict[str, Any]:
    return {"name": entry.name, "size": entry.size, "type": entry.type}


def _canonical(metadata: Metadata) -> bytes:
    document: dict[str, Any] = {"files": [_entry_to_json(entry) for entry in metadata.files]}
    if metadata.note is not None:
        document["note"] = metadata.note
    return _json(document)


def _parse_int(untrusted: str) -> int:
    # int() of a million digits would take quadratic time.
    if len(untrusted) > len(str(MAX_FILE_SIZE)):
        raise ValueError("too large an integer")
    return int(untrusted)


def _no_number(untrusted: str) -> NoReturn:
    raise ValueError(f"{untrusted[:20]} is no integer")


def _from_json(parsed: Any) -> Metadata:
    """Raises ValueError for anything that has another shape. Twice the same key shows in the canonical form."""
    if not isinstance(parsed, dict) or parsed.keys() not in ({"files"}, {"files", "note"}):
        raise ValueError("not the keys of metadata")
    files, note = parsed["files"], parsed.get("note")
    if not isinstance(files, list) or ("note" in parsed and not isinstance(note, str)):
        raise ValueError("files is a list, note a string")
    return Metadata(tuple(_entry_from_json(entry) for entry in files), note)


def _entry_from_json(parsed: Any) -> FileEntry:
    if not isinstance(parsed, dict) or parsed.keys() != {"name", "size", "type"}:
        raise ValueError("not the keys of a file")
    name, size, media_type = parsed["name"], parsed["size"], parsed["type"]
    # bool is an int to Python, but not to JSON.
    if not isinstance(name, str) or type(size) is not int or not isinstance(media_type, str):
        raise ValueError("name and type are strings, size is an integer")
    return FileEntry(name, size, media_type)


def _check(metadata: Metadata) -> None:
    for entry in metadata.files:
        check_name(entry.name)
        if not 0 <= entry.size <= MAX_FILE_SIZE:
            raise DamagedContainer("a file size is out of range")
        if not _TYPE.fullmatch(entry.type):
            raise DamagedContainer("a media type is not 1 to 127 printable ASCII characters")
    if len({folded(entry.name) for entry in metadata.files}) != len(metadata.files):
        raise DamagedContainer("two files have the same name")
    if metadata.note is None:
        if not metadata.files:
            raise DamagedContainer("there is neither a file nor a note")
        return
    if not 1 <= len(metadata.note.encode()) <= MAX_NOTE_SIZE:
        raise DamagedContainer("a note has 1 byte to 64 KiB")
    if _FORBIDDEN_IN_NOTE.search(metadata.note):
        raise DamagedContainer("a note has a control character")
