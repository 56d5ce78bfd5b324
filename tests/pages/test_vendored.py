"""What others wrote and lies in this project is what they published."""

import hashlib
import re
from pathlib import Path

import pytest

from tests.service.server import ROOT

_NOTES = sorted((ROOT / "dropbox_app" / "static" / "vendor").glob("*/VENDORED.md"))
_ENTRIES = [
    (note.parent / name, digest)
    for note in _NOTES
    for name, digest in re.findall(r"`([\w.-]+)`[^\n]*?\b([0-9a-f]{64})\b", note.read_text())
]


@pytest.mark.parametrize(("path", "digest"), _ENTRIES, ids=lambda value: getattr(value, "name", None))
def test_vendored_files_are_unchanged(path: Path, digest: str) -> None:
    """Each vendored file has the checksum that stands beside its version and origin."""
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest


def test_every_vendored_file_is_noted() -> None:
    """Nothing lies there without a note."""
    noted = {path for path, _ in _ENTRIES} | set(_NOTES)
    assert _ENTRIES
    assert {path for note in _NOTES for path in note.parent.iterdir()} == noted
