"""Faults of the disk, real ones: full, read-only, and short of what has to stay free."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.service.faults import read_only, small_disk
from tests.service.server import ROOT, Service, free_port, running
from tests.service.visitor import WAYS, Way, fetch, form, leave, owner, pieces, put
from tests.service.wire import exchange, request

TOO_MUCH = os.urandom(12_000_000)


@pytest.fixture
def cramped(tmp_path: Path) -> Iterator[Service]:
    """A service whose data folder is a file system of 8 MiB."""
    with small_disk(tmp_path / "data", "8m"), running(tmp_path) as started:
        yield started


def send(service: Service, content: bytes, way: Way) -> requests.Response:
    """Leave content one way; whatever comes back."""
    if way == "form":
        return form(service, ("a", content))
    return put(service, content if way == "length" else pieces(content))


def test_a_full_disk(cramped: Service) -> None:
    """An upload that does not fit is 507, every way, and leaves nothing; afterwards a small one goes through."""
    kept = leave(cramped, b"there before")
    for way in WAYS:
        answer = send(cramped, TOO_MUCH, way)
        assert answer.status_code == 507, way
        assert answer.json()["type"] == "urn:twinlock:problem:full"
        cramped.wait_until_tidy()
    assert len(cramped.stored()) == 1
    assert fetch(cramped, leave(cramped, b"small")).content == b"small"
    assert fetch(cramped, kept).content == b"there before"


def test_a_disk_without_one_byte_left(cramped: Service) -> None:
    """With not one byte left: uploads are 507, downloads go on, nothing is lost, and room heals it all."""
    drop = leave(cramped, b"there before", downloads="9")
    filler = cramped.data_dir / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    assert os.statvfs(cramped.data_dir).f_bavail == 0
    for way in WAYS:
        assert send(cramped, b"x", way).status_code == 507
    answer = fetch(cramped, drop)
    # Taking a ticket is a write, too: without room for it nothing is handed out, and no ticket is lost.
    assert answer.status_code in (200, 503, 507)
    assert requests.get(f"{cramped.url}/healthz", timeout=30).ok
    filler.unlink()
    left = owner(cramped, drop).json()["downloads_left"]
    assert left == (8 if answer.status_code == 200 else 9)
    assert fetch(cramped, drop).content == b"there before"
    assert send(cramped, b"x", "length").status_code == 201
    assert requests.get(f"{cramped.url}/readyz", timeout=30).ok
    assert len(cramped.stored()) == 2
    assert cramped.unfinished() == []


def test_many_uploads_that_fill_the_disk_together(cramped: Service) -> None:
    """Of uploads that fit one by one but not together, some are refused whole and the others are whole."""
    content = os.urandom(2_000_000)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: put(cramped, pieces(content)), range(8)))
    assert {answer.status_code for answer in answers} <= {201, 507}
    kept = [answer.json() for answer in answers if answer.status_code == 201]
    cramped.wait_until_tidy()
    assert len(cramped.stored()) == len(kept)
    for drop in kept:
        fields = {name: drop[name] for name in ("first_password", "second_password")}
        assert requests.post(f"{cramped.url}/d/{drop['file_id']}", data=fields, timeout=60).content == content


def test_what_has_to_stay_free(tmp_path: Path) -> None:
    """``DROP_MIN_FREE`` refuses before one byte of the body is read, by what is announced; in chunks, as it comes."""
    with small_disk(tmp_path / "data", "8m"), running(tmp_path, DROP_MIN_FREE="4 MiB") as service:
        assert send(service, b"x", "length").status_code == 201
        began = time.monotonic()
        assert exchange(service.port, request("PUT /a", "Content-Length: 5000000")).status == 507
        kind = "Content-Type: multipart/form-data; boundary=B"
        head = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        assert exchange(service.port, request("POST /", "Content-Length: 5000000", kind, body=head)).status == 507
        assert time.monotonic() - began < 8
        for way in WAYS:
            assert send(service, TOO_MUCH[:5_000_000], way).status_code == 507, way
        service.wait_until_tidy()
        assert len(service.stored()) == 1


def test_the_quota(tmp_path: Path) -> None:
    """``DROP_QUOTA`` bounds what all containers take together, every way; what is deleted frees its share."""
    with running(tmp_path, DROP_QUOTA="3 MiB") as service:
        first = leave(service, os.urandom(2 * 2**20))
        for way in WAYS:
            answer = send(service, os.urandom(2 * 2**20), way)
            assert answer.status_code == 507, way
        service.wait_until_tidy()
        assert sum(path.stat().st_size for path in service.stored()) <= 3 * 2**20
        assert send(service, b"small", "chunked").status_code == 201
        assert owner(service, first, action="delete").status_code == 200
        assert send(service, os.urandom(2 * 2**20), "chunked").status_code == 201


def start(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Start a service that should refuse to, and wait for its end."""
    return subprocess.run(
        [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py"],
        cwd=ROOT,
        env={**os.environ, "DROP_DATA_DIR": str(tmp_path / "data"), "PORT": str(free_port()), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def assert_one_line(ended: subprocess.CompletedProcess[str], *parts: str) -> None:
    """The service did not start, and said why in one line for the operator, without a traceback."""
    assert ended.returncode != 0
    told = [line for line in (ended.stdout + ended.stderr).splitlines() if "twinlock: " in line]
    assert len(told) == 1, ended.stderr
    for part in parts:
        assert part in told[0]
    assert "Traceback" not in ended.stderr


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    """A data folder that cannot be written to, or is a file, stops the start with one clear line."""
    with small_disk(tmp_path / "data", "8m"), read_only(tmp_path / "data"):
        assert_one_line(start(tmp_path), "DROP_DATA_DIR", str(tmp_path / "data"), "Read-only")
    (tmp_path / "file").write_text("x")
    assert_one_line(start(tmp_path, DROP_DATA_DIR=str(tmp_path / "file")), "DROP_DATA_DIR", str(tmp_path / "file"))
    assert_one_line(start(tmp_path, DROP_DATA_DIR="/proc/nowhere"), "DROP_DATA_DIR", "/proc/nowhere")


def test_a_full_disk_at_the_start(tmp_path: Path) -> None:
    """No room for the registry stops the start with one clear line, too; with room it starts on the same folder."""
    with small_disk(tmp_path / "data", "16k"):
        assert_one_line(start(tmp_path), "room")


def test_a_disk_that_becomes_read_only(cramped: Service) -> None:
    """While nothing can be written: 503 with ``Retry-After`` within ten seconds, and not ready; then well again."""
    drop = leave(cramped, b"there before", downloads="50")
    with read_only(cramped.data_dir):
        for way in WAYS:
            began = time.monotonic()
            answer = send(cramped, b"x", way)
            assert (answer.status_code, answer.json()["type"]) == (503, "urn:twinlock:problem:store-unavailable")
            assert int(answer.headers["Retry-After"]) > 0
            assert time.monotonic() - began < 10
        ready = requests.get(f"{cramped.url}/readyz", timeout=30)
        assert (ready.status_code, ready.json()) == (503, {"ready": False})
        assert requests.get(f"{cramped.url}/healthz", timeout=30).ok
        # Enough at a time that connections to the registry are opened now: none of them may be kept for later.
        with ThreadPoolExecutor(40) as pool:
            assert {answer.status_code for answer in pool.map(lambda _: owner(cramped, drop), range(200))} <= {200, 503}
            during = list(pool.map(lambda _: fetch(cramped, drop), range(12)))
        assert {answer.status_code for answer in during} <= {200, 503}
        assert all("Retry-After" in answer.headers for answer in during if answer.status_code == 503)
    with ThreadPoolExecutor(12) as pool:
        after = list(pool.map(lambda _: fetch(cramped, drop), range(12)))
    assert [answer.status_code for answer in after] == [200] * 12
    for _ in range(8):
        assert requests.get(f"{cramped.url}/readyz", timeout=30).ok
        assert send(cramped, b"x", "length").status_code == 201
    fetched = sum(answer.status_code == 200 for answer in (*during, *after))
    assert owner(cramped, drop).json()["downloads_left"] == 50 - fetched
    assert cramped.unfinished() == []
