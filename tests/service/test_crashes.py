"""Kill -9 between any two steps: after a restart everything works, and nothing half-made is to be seen."""

import contextlib
import os
import random
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from dropbox_app.blobs.local import LocalBlobStore
from dropbox_app.drops.file_ids import blob_name
from dropbox_app.drops.sweep import sweep
from dropbox_app.model import FileId
from dropbox_app.registry.sqlite import SqliteRegistry
from tests.service.server import Service, prepared
from tests.service.visitor import Receipt, fetch, form, leave, owner, put, receipt
from tests.service.wire import Wire, chunked, request

STARTS = int(os.environ.get("TWINLOCK_STARTS", "20"))
"""How often a start on a fresh folder is tried; 150 is what showed the race of lesson 21."""


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Service]:
    """A service that may be killed and started again."""
    service = prepared(tmp_path)
    service.start()
    yield service
    if service.process.poll() is None:
        service.stop()


def wait_for(service: Service, what: str) -> None:
    """Wait until something lies in ``blobs`` or ``incoming``."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if any(path.is_file() for path in (service.data_dir / what).rglob("*")):
            return
        time.sleep(0.005)
    raise AssertionError(f"nothing came into {what}")


def records(service: Service) -> list[FileId]:
    """All file IDs of the registry."""
    with contextlib.closing(sqlite3.connect(service.data_dir / "registry.sqlite3")) as database:
        return [FileId(row[0]) for row in database.execute("SELECT id FROM drops")]


@pytest.mark.parametrize("in_chunks", [False, True])
def test_killed_in_the_middle_of_a_body(mortal: Service, *, in_chunks: bool) -> None:
    """What had come of an upload is gone once the service is back, and drops of before are as they were."""
    drop = leave(mortal, b"before")
    connection = Wire(mortal.port)
    content = os.urandom(3_000_000)
    if in_chunks:
        connection.send(request("PUT /a", "Transfer-Encoding: chunked") + chunked(content)[:-5])
    else:
        connection.send(request("PUT /a", "Content-Length: 9000000") + content)
    wait_for(mortal, "incoming")
    time.sleep(0.1)
    mortal.kill()
    connection.close()
    assert mortal.unfinished() != []
    mortal.start()
    mortal.wait_until_tidy(10)
    assert records(mortal) == [drop.file_id]
    assert mortal.stored() == {mortal.container(drop.file_id)}
    assert fetch(mortal, drop).content == b"before"
    assert fetch(mortal, leave(mortal, content)).content == content


def test_killed_between_blob_and_record(mortal: Service) -> None:
    """A committed blob whose record was not written is an orphan: no drop, in nobody's way, gone with its hour."""
    database = sqlite3.connect(mortal.data_dir / "registry.sqlite3", isolation_level=None)
    database.execute("BEGIN IMMEDIATE")

    def upload() -> None:
        with contextlib.suppress(requests.RequestException):
            put(mortal, b"never answered")

    sender = threading.Thread(target=upload)
    sender.start()
    wait_for(mortal, "blobs")
    mortal.kill()
    sender.join(20)
    database.execute("ROLLBACK")
    database.close()
    assert len(mortal.stored()) == 1
    mortal.start()
    assert records(mortal) == []
    assert fetch(mortal, leave(mortal, b"after")).content == b"after"
    blobs, registry = LocalBlobStore(mortal.data_dir), SqliteRegistry(mortal.data_dir / "registry.sqlite3")
    swept = sweep(blobs, registry, time.time() + 8 * 24 * 3600)
    registry.close()
    assert (swept.records, swept.blobs) == (1, 2)
    assert mortal.stored() == set()


def test_killed_between_ticket_and_answer(mortal: Service) -> None:
    """Killed in the middle of downloads, tickets are taken or not, but none is ever given out twice."""
    drop = leave(mortal, os.urandom(20_000_000), downloads="6")
    body = "&".join(f"{name}={value.replace(' ', '+')}" for name, value in drop.passwords.items()).encode()
    kind = "Content-Type: application/x-www-form-urlencoded"
    connections = [Wire(mortal.port) for _ in range(3)]
    for connection in connections:
        connection.send(request(f"POST /d/{drop.file_id}", kind, f"Content-Length: {len(body)}", body=body))
        assert connection.socket.recv(1000).startswith(b"HTTP/1.1 200")
    mortal.kill()
    for connection in connections:
        connection.close()
    mortal.start()
    assert owner(mortal, drop).json()["downloads_left"] == 3
    assert [fetch(mortal, drop).status_code for _ in range(4)] == [200, 200, 200, 404]


def test_killed_at_any_time(mortal: Service) -> None:
    """Killed at random moments under load: every record has its whole blob, and every receipt fetches its drop."""
    chance = random.Random(20261121)  # noqa: S311 - moments, not secrets
    told: list[Receipt] = []

    def visit() -> None:
        with contextlib.suppress(requests.RequestException):
            while True:
                told.append(receipt(put(mortal, b"by PUT" * 1000)))
                told.append(receipt(form(mortal, ("a", b"by form"))))

    for _ in range(3):
        visitors = [threading.Thread(target=visit) for _ in range(4)]
        for visitor in visitors:
            visitor.start()
        time.sleep(chance.uniform(0.5, 1.5))
        mortal.kill()
        for visitor in visitors:
            visitor.join(30)
        mortal.start()
    mortal.wait_until_tidy(10)
    known = records(mortal)
    assert {drop.file_id for drop in told} <= set(known)
    assert {mortal.container(file_id) for file_id in known} <= mortal.stored()
    for drop in (*told[:2], *told[-4:]):
        assert fetch(mortal, drop).status_code == 200
    for file_id in known:
        assert mortal.container(file_id).name == blob_name(file_id)


def test_many_starts(tmp_path: Path) -> None:
    """Four workers on a fresh folder come up every time, all of them, without one error in the log."""

    def start(number: int) -> None:
        service = prepared(tmp_path / str(number), WEB_CONCURRENCY="4")
        service.start()
        try:
            deadline = time.monotonic() + 30
            while service.log.read_text().count("Booting worker") < 4 and time.monotonic() < deadline:
                time.sleep(0.02)
            assert requests.get(f"{service.url}/readyz", timeout=30).ok
            time.sleep(0.5)
            assert len(service.processes()) == 5
            log = service.log.read_text()
            assert log.count("Booting worker") == 4
            assert "ERROR" not in log
            assert "Exception" not in log
        finally:
            service.kill()
            shutil.rmtree(service.in_memory)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(start, range(STARTS)))
