"""A registry that another process holds: told within ten seconds, nothing left behind, nothing lost."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import requests

from tests.service.server import Service
from tests.service.visitor import WAYS, Way, fetch, form, leave, owner, pieces, put


@contextlib.contextmanager
def locked(service: Service) -> Iterator[None]:
    """Hold the registry's write lock, as a writer does that does not come to an end."""
    database = sqlite3.connect(service.data_dir / "registry.sqlite3", isolation_level=None, timeout=30)
    try:
        database.execute("BEGIN IMMEDIATE")
        yield
    finally:
        database.execute("ROLLBACK")
        database.close()


def test_uploads_are_told_and_leave_nothing(service: Service) -> None:
    """While the registry is locked an upload ends with 503 within ten seconds, every way, and takes its blob away."""
    service.wait_until_tidy()
    before = service.stored()

    def send(way: Way) -> None:
        began = time.monotonic()
        answer = (
            form(service, ("a", b"x")) if way == "form" else put(service, b"x" if way == "length" else pieces(b"x"))
        )
        took = time.monotonic() - began
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:twinlock:problem:store-unavailable"), way
        assert int(answer.headers["Retry-After"]) > 0
        assert took < 10, way

    with locked(service), ThreadPoolExecutor(3) as pool:
        list(pool.map(send, WAYS))
        assert service.stored() == before
        assert service.unfinished() == []
    assert fetch(service, leave(service, b"again")).content == b"again"


def test_fetching_and_deleting_are_told(service: Service) -> None:
    """A fetch, a deletion and a readiness check say 503 within ten seconds; no ticket is lost, nothing is deleted."""
    drop = leave(service, b"x", downloads="3")

    def delete() -> requests.Response:
        return owner(service, drop, action="delete")

    def fetched() -> requests.Response:
        return fetch(service, drop)

    def ready() -> requests.Response:
        return requests.get(f"{service.url}/readyz", timeout=30)

    with locked(service), ThreadPoolExecutor(3) as pool:
        began = time.monotonic()
        answers = [future.result() for future in [pool.submit(ask) for ask in (delete, fetched, ready)]]
        assert time.monotonic() - began < 10
        assert [answer.status_code for answer in answers] == [503] * 3
        # What only reads goes on.
        assert owner(service, drop).json()["downloads_left"] == 3
    assert fetch(service, drop).status_code == 200
    assert owner(service, drop).json()["downloads_left"] == 2


def test_a_short_lock_is_waited_for(service: Service) -> None:
    """Somebody's write that takes two seconds is waited for: nobody notices but by the time."""
    drop = leave(service, b"x", downloads="3")
    with ThreadPoolExecutor(2) as pool:
        with locked(service):
            answers = [pool.submit(fetch, service, drop), pool.submit(put, service, b"x")]
            time.sleep(2)
        assert [future.result().status_code for future in answers] == [200, 201]
