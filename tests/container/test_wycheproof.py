"""C2SP Wycheproof's cases for chunked encryption with AES-256-GCM, through every reader and through the writer."""

import hashlib
import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dropbox_app.container.body import BODY_SALT_SIZE, BodyKey, BodyStreamReader, BodyWriter
from dropbox_app.errors import DamagedContainer
from tests.container.ways import SPLITS, body_by_random_access, body_streamed, body_whole

_FOLDER = Path(os.environ.get("WYCHEPROOF_DIR", Path(__file__).parents[3] / "shared" / "wycheproof"))
_FILE = _FOLDER / "c2sp_chunked_encryption_aes_256_gcm_test.json"


def _cases() -> Iterator[Any]:
    if not _FILE.exists():
        yield pytest.param({}, id="missing", marks=pytest.mark.skip(f"{_FILE} is missing; set WYCHEPROOF_DIR"))
        return
    for group in json.loads(_FILE.read_text())["testGroups"]:
        for case in group["tests"]:
            yield pytest.param(case, id=f"tc{case['tcId']}")


@pytest.fixture(params=_cases())
def case(request: pytest.FixtureRequest) -> dict[str, Any]:
    """One case, its fields as bytes."""
    found: dict[str, Any] = dict(request.param)
    for name in ("key", "ctx", "ct"):
        found[name] = bytes.fromhex(found[name])
    found["ct"] = zlib.decompress(found["ct"])
    return found


def _fits(case: dict[str, Any], plaintext: bytes) -> bool:
    return (len(plaintext), hashlib.sha512(plaintext).hexdigest()) == (case["msgLength"], case["msgSha512"])


@pytest.mark.parametrize("way", [body_whole, body_by_random_access], ids=["whole", "random access"])
def test_a_reader_of_the_whole_opens_the_valid_and_no_other(case: dict[str, Any], way: Any) -> None:
    """Valid cases give their plaintext; of invalid ones nothing is opened, and a key of another size is refused."""
    arguments = case["key"], case["ctx"], case["ct"]
    if case["result"] == "valid":
        assert _fits(case, way(*arguments))
        return
    with pytest.raises(ValueError if "InvalidKeySize" in case["flags"] else DamagedContainer):
        way(*arguments)


@pytest.mark.parametrize("split", SPLITS.values(), ids=list(SPLITS))
def test_a_stream_releases_what_is_verified_and_then_raises(case: dict[str, Any], split: Any) -> None:
    """Of an invalid case, at most the plaintext that comes before the fault is released."""
    if len(case["ct"]) > 10**6:
        split = SPLITS["random pieces"]  # four million single bytes would take a minute
    released = bytearray()
    read = body_streamed(split, released)
    if case["result"] == "valid":
        assert _fits(case, read(case["key"], case["ctx"], case["ct"]))
        return
    with pytest.raises(ValueError if "InvalidKeySize" in case["flags"] else DamagedContainer):
        read(case["key"], case["ctx"], case["ct"])
    if "PartialPlaintext" not in case["flags"]:
        assert not released
    elif released or split is SPLITS["single bytes"]:
        # In a larger piece the good chunk and the bad one come together, and nothing needs to come out.
        assert _fits(case, bytes(released))


def test_a_stream_goes_on_raising(case: dict[str, Any]) -> None:
    """After an error, every further call raises it again."""
    if case["result"] == "valid" or "InvalidKeySize" in case["flags"]:
        return
    reader = BodyStreamReader(case["key"], case["ctx"])
    with pytest.raises(DamagedContainer):
        _feed_all(reader, case["ct"])
    with pytest.raises(DamagedContainer):
        reader.feed(b"")
    with pytest.raises(DamagedContainer):
        reader.finish()


def _feed_all(reader: BodyStreamReader, body: bytes) -> None:
    reader.feed(body)
    reader.finish()


def test_the_writer_makes_the_same_bytes(case: dict[str, Any]) -> None:
    """Sealing the plaintext of a valid case with its salt gives its ciphertext, whatever the pieces."""
    if case["result"] != "valid":
        return
    key = BodyKey(case["key"], case["ctx"], case["ct"][:BODY_SALT_SIZE])
    plaintext = body_whole(case["key"], case["ctx"], case["ct"])
    for split in (SPLITS["one piece"], SPLITS["random pieces"]):
        writer = BodyWriter(key)
        sealed = bytearray(key.prefix)
        for data in split(plaintext):
            sealed += writer.update(data)
        assert sealed + writer.finish() == case["ct"]
