"""Counting that holds over threads, workers and services: tickets, wrong tries, and what one client may do."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

import pytest
import requests

from tests.service.server import Service, running
from tests.service.visitor import JSON, PASSWORDS, fetch, leave, owner, put

MIB = 2**20


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Service]]:
    """Two services with four workers each, on one data folder."""
    folder = tmp_path_factory.mktemp("pair")
    data = folder / "data"
    with (
        running(folder / "one", data, WEB_CONCURRENCY="4") as one,
        running(folder / "two", data, WEB_CONCURRENCY="4") as two,
    ):
        yield [one, two]


def insist(service: Service, drop_id: str) -> int:
    """Fetch, and again whenever the service is busy; the status in the end."""
    while True:
        answer = requests.post(f"{service.url}/d/{drop_id}", data=PASSWORDS, headers=JSON, timeout=60)
        if answer.status_code != 503:
            return answer.status_code
        time.sleep(0.2)


def test_five_tickets_forty_claimers(pair: list[Service]) -> None:
    """Of forty who want a drop with five tickets at once, at two services, exactly five get it."""
    drop = leave(pair[0], b"five times", downloads="5")
    with ThreadPoolExecutor(40) as pool:
        answers = Counter(pool.map(lambda number: insist(pair[number % 2], drop.file_id), range(40)))
    assert answers == {200: 5, 404: 35}


def test_looking_takes_nothing(service: Service) -> None:
    """Any number of GET and HEAD on the share link, and of wrong tries, spends no ticket."""
    drop = leave(service, b"x", downloads="1")
    with ThreadPoolExecutor(8) as pool:
        ways = ["GET", "HEAD", "OPTIONS"] * 40
        assert {
            answer.status_code for answer in pool.map(lambda way: requests.request(way, drop.link, timeout=30), ways)
        } == {200}
        list(pool.map(lambda _: fetch(service, drop, first_password="wrong"), range(4)))
    assert owner(service, drop).json()["downloads_left"] == 1
    assert fetch(service, drop).content == b"x"


def test_ten_wrong_tries(pair: list[Service]) -> None:
    """After ten wrong tries, counted over both services, every try waits, right or wrong, half a minute at most.

    Other drops don't wait, tries made while waiting change nothing, and no ticket is lost.
    """
    drop, other = leave(pair[0], b"x", downloads="1"), leave(pair[1], b"y")
    for number in range(10):
        assert fetch(pair[number % 2], drop, first_password=f"wrong {number}").status_code == 403
    for service in pair:
        for changes in ({}, {"first_password": "wrong"}):
            answer = fetch(service, drop, **changes)
            assert (answer.status_code, answer.json()["type"]) == (429, "urn:twinlock:problem:throttled")
            assert 20 < int(answer.headers["Retry-After"]) <= 30
    assert fetch(pair[0], other).content == b"y"
    assert owner(pair[0], drop).json()["downloads_left"] == 1


def test_many_wrong_tries_at_once(pair: list[Service]) -> None:
    """Forty wrong tries at once are answered 403 ten times at most: a burst learns no more than patience does."""
    drop = leave(pair[0], b"x")

    def wrong(number: int) -> int:
        return fetch(pair[number % 2], drop, second_password=f"wrong {number}").status_code

    with ThreadPoolExecutor(40) as pool:
        answers = Counter(pool.map(wrong, range(40)))
    assert set(answers) <= {403, 429, 503}
    assert answers[403] <= 10


def limited(folder: Path, hops: int) -> Iterator[Service]:
    """A service with tight limits, behind so many proxies."""
    believed = str(hops)
    with running(
        folder, DROP_LIMIT_UPLOADS="2/hour", DROP_LIMIT_CLAIMS="3/minute", TRUSTED_PROXY_HOPS=believed
    ) as started:
        yield started


@pytest.fixture
def direct(tmp_path: Path) -> Iterator[Service]:
    """One that no proxy stands in front of."""
    yield from limited(tmp_path, 0)


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[Service]:
    """One behind one proxy."""
    yield from limited(tmp_path, 1)


def test_limits_of_one_client(direct: Service) -> None:
    """Two uploads an hour and three tries a minute, then 429 with the time to wait; forged addresses change nothing."""
    forged = [{"X-Forwarded-For": f"203.0.113.{number}"} for number in range(8)]
    uploads = [requests.put(f"{direct.url}/a", data=b"x", headers=headers, timeout=30) for headers in forged[:4]]
    assert [answer.status_code for answer in uploads] == [201, 201, 429, 429]
    assert 3500 < int(uploads[-1].headers["Retry-After"]) <= 3600
    assert requests.post(direct.url, files={"file": ("a", b"x")}, timeout=30).status_code == 429
    paths = ["/d/" + "1" * 32, "/download", "/owner", "/d/" + "1" * 32]
    fields = {"file_id": "1" * 32}
    tries = [
        requests.post(
            f"{direct.url}{path}",
            data=fields if path in ("/download", "/owner") else PASSWORDS,
            headers=headers,
            timeout=30,
        )
        for path, headers in zip(paths, forged, strict=False)
    ]
    assert [answer.status_code == 429 for answer in tries] == [False, False, False, True]
    assert 0 < int(tries[-1].headers["Retry-After"]) <= 60
    assert requests.get(f"{direct.url}/", timeout=30).ok


def test_limits_behind_a_proxy(proxied: Service) -> None:
    """Behind one proxy the last hop counts: what a client puts before it doesn't; IPv6 counts by its /64."""

    def uploads(*addresses: str) -> list[int]:
        return [put(proxied, b"x", X_Forwarded_For=address).status_code for address in addresses]

    assert uploads("192.0.2.1", "198.51.100.7, 192.0.2.1", "203.0.113.9,192.0.2.1") == [201, 201, 429]
    assert uploads("192.0.2.1, 192.0.2.2", "192.0.2.2", "192.0.2.2") == [201, 201, 429]
    assert uploads("2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:0:1::3", "2001:db8:0:1::1") == [201, 201, 429, 201]


class Memory(threading.Thread):
    """Watches the memory that all processes of a service have together, and remembers the most."""

    def __init__(self, service: Service) -> None:
        super().__init__(daemon=True)
        self._processes = service.processes()
        self._over = threading.Event()
        self.most = 0

    def run(self) -> None:
        """Look again and again."""
        while not self._over.wait(0.005):
            self.most = max(self.most, sum(process.memory_info().rss for process in self._processes))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()


def test_a_hundred_claims_at_once(tmp_path: Path) -> None:
    """A hundred claims take hardly more memory than two; who is not served in time is told 503, and for how long.

    No ticket is lost for a 503.
    """
    with running(tmp_path) as service:
        drop = leave(service, b"x" * 1000, downloads="100")

        def claim(_: int) -> requests.Response:
            return fetch(service, drop)

        with ThreadPoolExecutor(100) as pool:
            with Memory(service) as few:
                list(pool.map(claim, range(2)))
                list(pool.map(claim, range(2)))
            with Memory(service) as many:
                answers = list(pool.map(claim, range(100)))
        statuses = Counter(answer.status_code for answer in answers)
        grown = (many.most - few.most) / MIB
        print(f"{dict(statuses)}; {few.most / MIB:.1f} MiB for two claims, {grown:+.1f} MiB for a hundred")  # noqa: T201
        assert set(statuses) <= {200, 503}
        assert statuses[200] >= 10
        for answer in answers:
            assert ("Retry-After" in answer.headers) == (answer.status_code == 503)
        assert owner(service, drop).json()["downloads_left"] == 100 - 4 - statuses[200]
        assert grown < 24
