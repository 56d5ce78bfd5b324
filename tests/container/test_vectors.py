"""Every container of the vectors, through every way; and the vectors themselves."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from dropbox_app.container.header import Header
from dropbox_app.container.keys import new_header
from dropbox_app.container.metadata import FileEntry, Metadata
from dropbox_app.container.ranges import BytesSource
from dropbox_app.container.sealing import ContainerStreamReader, OpenContainer, Sealer, open_container, whole
from dropbox_app.errors import DamagedContainer, TwinlockError, WrongPasswords
from tests.container.ways import SPLITS, WAYS, Way, keys_of, salt_in
from tests.vectors.check import container_of
from tests.vectors.make_containers import contents

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "tests" / "vectors"


@cache
def _load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text("ascii"))
    return loaded | {"bytes": container_of(loaded)}


def _vectors(folder: str) -> pytest.MarkDecorator:
    paths = sorted((VECTORS / folder).glob("*.json"))
    return pytest.mark.parametrize("path", paths, ids=[path.stem for path in paths])


def _expected(vector: dict[str, Any]) -> tuple[Metadata, bytes]:
    files = vector["files"]
    entries = tuple(FileEntry(one["name"], one["size"], one["type"]) for one in files)
    return Metadata(entries, vector["note"]), b"".join(map(contents, files))


def _error(vector: dict[str, Any]) -> type[TwinlockError]:
    return WrongPasswords if vector["result"] == "wrong passwords" else DamagedContainer


@_vectors("opened")
@pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
def test_what_should_open_opens(path: Path, way: Way) -> None:
    """Metadata and contents are those of the vector, with the passwords in either order."""
    vector = _load(path)
    for one, other in (("first_password", "second_password"), ("second_password", "first_password")):
        keys = keys_of(vector[one], vector[other], salt_in(vector["bytes"]))
        assert way(vector["bytes"], keys) == _expected(vector)


@_vectors("opened")
@pytest.mark.parametrize("split", SPLITS.values(), ids=list(SPLITS))
def test_the_writer_makes_the_same_bytes(path: Path, split: Any) -> None:
    """With the vector's randomness, and its contents in any pieces, a sealer gives the very container."""
    vector = _load(path)
    salt, file_key, body_salt = (bytes.fromhex(vector[name]) for name in ("salt", "file_key", "body_salt"))
    keys = keys_of(vector["first_password"], vector["second_password"], salt)
    sealer = Sealer(new_header(keys, salt, file_key), file_key, body_salt)
    sealed = bytearray(sealer.begin())
    for entry in vector["files"]:
        assert sealer.begin_file(entry["name"], entry["type"]) == entry["name"]
        for data in split(contents(entry)):
            sealed += sealer.write(data)
    for piece in sealer.finish(vector["note"]):
        sealed += piece
    assert sealed == vector["bytes"]


@_vectors("refused")
@pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
def test_what_should_be_refused_is_refused(path: Path, way: Way) -> None:
    """Every way raises, and tells wrong passwords from damage."""
    vector = _load(path)
    keys = keys_of(vector["first_password"], vector["second_password"], salt_in(vector["bytes"]))
    with pytest.raises(_error(vector)):
        way(vector["bytes"], keys)


@_vectors("refused")
def test_a_fault_is_noticed_no_later_than_it_should_be(path: Path) -> None:
    """Random access refuses before it gives anything, but for the parts that nobody has asked for yet."""
    vector = _load(path)
    keys = keys_of(vector["first_password"], vector["second_password"], salt_in(vector["bytes"]))
    if vector["noticed"] == "reading":
        OpenContainer.open(BytesSource(vector["bytes"]), keys)
        return
    with pytest.raises(_error(vector)):
        OpenContainer.open(BytesSource(vector["bytes"]), keys)


@pytest.mark.parametrize("folder", ["opened", "refused"])
def test_a_whole_container_in_memory(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`open_container` opens and refuses the same vectors as all others."""
    monkeypatch.setattr(whole, "stretch", keys_of)
    for path in sorted((VECTORS / folder).glob("*.json")):
        vector = _load(path)
        arguments = vector["bytes"], vector["first_password"], vector["second_password"]
        if folder == "refused":
            with pytest.raises(_error(vector)):
                open_container(*arguments)
            continue
        metadata, files = open_container(*arguments)
        assert (metadata, b"".join(files)) == _expected(vector)
        assert [len(one) for one in files] == [entry.size for entry in metadata.files]


@_vectors("refused")
def test_a_stream_goes_on_raising(path: Path) -> None:
    """After an error the streaming reader raises it for ever, and never has metadata."""
    vector = _load(path)
    reader = ContainerStreamReader(
        keys_of(vector["first_password"], vector["second_password"], salt_in(vector["bytes"]))
    )
    with pytest.raises(_error(vector)):
        _feed_all(reader, vector["bytes"])
    with pytest.raises(_error(vector)):
        reader.feed(b"")
    with pytest.raises(_error(vector)):
        reader.finish()
    assert not hasattr(reader, "metadata")


def _feed_all(reader: ContainerStreamReader, container: bytes) -> None:
    reader.feed(container)
    reader.finish()


def test_a_header_is_encoded_as_it_was_read() -> None:
    """Parsing and encoding are inverse."""
    container = _load(VECTORS / "opened" / "file-of-one-byte.json")["bytes"]
    assert Header.parse(container[:104]).encode() == container[:104]
    assert Header.parse(container[:104]).context == container[:32]


def test_the_vectors_are_made_again_byte_by_byte(tmp_path: Path) -> None:
    """`make` writes exactly the files that are there, so a change of the format cannot pass unseen."""
    subprocess.run([sys.executable, "-m", "tests.vectors.make", str(tmp_path)], cwd=ROOT, check=True)
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.json")}
    assert made == {path.relative_to(VECTORS): path.read_bytes() for path in VECTORS.rglob("*.json")}


def test_the_second_reader_agrees() -> None:
    """A reader that shares no code with the project agrees with every vector, and imports nothing of the project."""
    script = (
        "import sys; import tests.vectors.check as check; check.main(); "
        "assert not [name for name in sys.modules if name.split('.')[0] in ('dropbox_app', 'cryptography')]"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
