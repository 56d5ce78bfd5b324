"""Damaged containers: told before the first byte where it can be known then, else the transfer is cut."""

import http.client
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.service.server import Service
from tests.service.visitor import PASSWORDS, Receipt, fetch, form, leave, owner, receipt

CONTENT = os.urandom(5_000_000)
HEADER, PREFIX, CHUNK = 104, 56, 16400


def flip(offset: int) -> Callable[[bytes], bytes]:
    """Change one bit."""

    def change(stored: bytes) -> bytes:
        place = offset % len(stored)
        return stored[:place] + bytes([stored[place] ^ 1]) + stored[place + 1 :]

    return change


KNOWN_AT_ONCE: dict[str, Callable[[bytes], bytes]] = {
    "magic": flip(0),
    "version": flip(8),
    "profile": flip(9),
    "spare": flip(12),
    "salt": flip(16),
    "commitment": flip(32),
    "wrapped key": flip(64),
    "body's salt": flip(HEADER),
    "body's commitment": flip(HEADER + 24),
    "first chunk": flip(HEADER + PREFIX),
    "last chunk": flip(-1),
    "last byte gone": lambda stored: stored[:-1],
    "last chunk gone": lambda stored: stored[:-CHUNK],
    "everything gone": lambda _: b"",
    "one byte more": lambda stored: stored + b"x",
    "a chunk more": lambda stored: stored + bytes(CHUNK),
    "header alone": lambda stored: stored[:HEADER],
}


def put_back(service: Service, drop: Receipt, damaged: bytes) -> None:
    """Write a container's file anew."""
    path = service.container(drop.file_id)
    path.chmod(0o600)
    path.write_bytes(damaged)


@pytest.mark.parametrize("damage", KNOWN_AT_ONCE)
@pytest.mark.parametrize("kind", ["one file", "several"])
def test_damage_that_is_known_at_once(service: Service, damage: str, kind: str) -> None:
    """500 as a problem before the first byte, no ticket lost for it, and mended it can be fetched as before."""
    if kind == "one file":
        drop = leave(service, CONTENT, downloads="2")
    else:
        drop = receipt(form(service, ("a", CONTENT), ("b", b"x"), downloads="2", **PASSWORDS))
    whole = service.container(drop.file_id).read_bytes()
    put_back(service, drop, KNOWN_AT_ONCE[damage](whole))
    answer = fetch(service, drop)
    assert answer.status_code == 500
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:twinlock:problem:damaged"
    assert owner(service, drop).json()["downloads_left"] == 2
    put_back(service, drop, whole)
    assert fetch(service, drop).status_code == 200
    assert owner(service, drop).json()["downloads_left"] == 1


def test_the_container_of_another_drop(service: Service) -> None:
    """Swapped containers are not handed out, although both have the same passwords and are whole."""
    drops = [leave(service, content, downloads="1") for content in (b"one", b"two")]
    one, two = (service.container(drop.file_id) for drop in drops)
    spare = one.with_name("spare")
    shutil.move(one, spare)
    shutil.move(two, one)
    shutil.move(spare, two)
    for drop in drops:
        assert fetch(service, drop).status_code == 500
        assert owner(service, drop).json()["downloads_left"] == 1


def test_a_container_that_is_gone(service: Service) -> None:
    """A record without its blob is damage, and told as such: never "there is no such drop"."""
    drop = leave(service, b"x")
    service.container(drop.file_id).unlink()
    assert fetch(service, drop).status_code == 500
    assert owner(service, drop, action="delete").status_code == 200


@pytest.fixture(scope="module")
def damaged_later(service: Service) -> Receipt:
    """A drop with a flipped bit in the middle, that no reader meets before it is half through."""
    drop = leave(service, CONTENT)
    put_back(service, drop, flip(HEADER + PREFIX + 200 * CHUNK)(service.container(drop.file_id).read_bytes()))
    return drop


def test_damage_in_the_middle_cuts_the_transfer(service: Service, damaged_later: Receipt) -> None:
    """What comes is right as far as it goes, and ends before the announced length: `http.client` sees that."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    body = "&".join(f"{name}={value.replace(' ', '+')}" for name, value in damaged_later.passwords.items())
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", f"/d/{damaged_later.file_id}", body, headers)
    answer = connection.getresponse()
    assert answer.status == 200
    with pytest.raises(http.client.IncompleteRead) as cut:
        answer.read()
    connection.close()
    assert 0 < len(cut.value.partial) <= 200 * 16384
    assert cut.value.partial == CONTENT[: len(cut.value.partial)]
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        fetch(service, damaged_later)


def test_curl_sees_the_cut(damaged_later: Receipt, tmp_path: Path) -> None:
    """Curl ends with 18, "partial file", and keeps nothing that could be taken for the whole."""
    fields = [
        part for name, value in damaged_later.passwords.items() for part in ("--data-urlencode", f"{name}={value}")
    ]
    command = ["curl", "-sS", "--fail", "--remove-on-error", "-o", "got", *fields, damaged_later.link]
    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, timeout=60).returncode == 18
    assert list(tmp_path.iterdir()) == []


def test_the_service_says_so_and_goes_on(service: Service) -> None:
    """The log tells of the damage, without the drop's ID, and others are served."""
    drop = leave(service, b"x")
    put_back(service, drop, b"")
    assert fetch(service, drop).status_code == 500
    log = service.log.read_text()
    assert "damaged: DamagedContainer at " in log
    assert drop.file_id not in log
    assert fetch(service, leave(service, b"fine")).content == b"fine"
