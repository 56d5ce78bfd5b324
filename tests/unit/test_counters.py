"""Counters that processes share, and going on without them."""

import logging
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from limits import parse
from limits.storage import MemoryStorage, Storage
from limits.strategies import FixedWindowRateLimiter

from dropbox_app.counters.fallback import FallbackStorage
from dropbox_app.counters.shared import SharedMemoryStorage

ROOT = Path(__file__).parents[2]


@pytest.fixture
def shared(tmp_path: Path) -> SharedMemoryStorage:
    """Counters in a file."""
    return SharedMemoryStorage(tmp_path / "counters")


@pytest.fixture(params=["shared", "fallback", "alone"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Each of the three ways to count."""
    if request.param == "shared":
        return SharedMemoryStorage(tmp_path / "counters")
    return FallbackStorage(
        SharedMemoryStorage(tmp_path / "counters" if request.param == "fallback" else tmp_path / "no" / "counters")
    )


class TestContract:
    """What `limits` asks of a storage."""

    def test_counts(self, storage: Storage) -> None:
        """Adding gives the new value; keys do not disturb one another; nothing counts as zero."""
        assert storage.get("a") == 0
        assert [storage.incr("a", 60) for _ in range(3)] == [1, 2, 3]
        assert storage.incr("b", 60, 5) == 5
        assert storage.incr("b", 60, 2) == 7
        assert (storage.get("a"), storage.get("b")) == (3, 7)

    def test_expiry_is_set_by_the_first(self, storage: Storage) -> None:
        """A counter ends so many seconds after its first count; later ones do not prolong it."""
        before = time.time()
        storage.incr("a", 60)
        ends = storage.get_expiry("a")
        assert before + 60 <= ends <= time.time() + 60
        storage.incr("a", 6000)
        assert storage.get_expiry("a") == ends

    def test_expired_counters_begin_anew(self, storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
        """After its end a counter is nothing, and the next count is its first, with a new end."""
        now = time.time()
        storage.incr("a", 10, 5)
        monkeypatch.setattr(time, "time", lambda: now + 9)
        assert storage.incr("a", 10) == 6
        monkeypatch.setattr(time, "time", lambda: now + 11)
        assert storage.get("a") == 0
        assert storage.incr("a", 10) == 1
        assert storage.get_expiry("a") == pytest.approx(now + 21)

    def test_unknown_counters_end_now(self, storage: Storage) -> None:
        """There is nothing to wait for."""
        assert storage.get_expiry("nothing") == pytest.approx(time.time(), abs=1)

    def test_clear_and_reset(self, storage: Storage) -> None:
        """One counter is forgotten, or all are."""
        for key in ("a", "b", "c"):
            storage.incr(key, 60)
        storage.clear("a")
        storage.clear("nothing")
        assert [storage.get(key) for key in ("a", "b", "c")] == [0, 1, 1]
        storage.reset()
        assert [storage.get(key) for key in ("a", "b", "c")] == [0, 0, 0]
        assert storage.incr("b", 60) == 1

    def test_limits_can_use_it(self, storage: Storage) -> None:
        """The library's own limiter lets as many pass as it should."""
        limiter, limit = FixedWindowRateLimiter(storage), parse("5/hour")
        assert [limiter.hit(limit, "who") for _ in range(7)] == [True] * 5 + [False] * 2
        assert limiter.get_window_stats(limit, "who").remaining == 0

    def test_threads(self, storage: Storage) -> None:
        """20 threads that add 25 times each: every value from 1 to 500 is given once."""
        with ThreadPoolExecutor(20) as pool:
            seen = pool.map(lambda _: [storage.incr("a", 60) for _ in range(25)], range(20))
            assert sorted(value for values in seen for value in values) == list(range(1, 501))


def start(program: str, *arguments: object) -> "subprocess.Popen[str]":
    """Another process on the same counters."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


_ADD = """
    import sys
    from pathlib import Path
    from dropbox_app.counters.shared import SharedMemoryStorage
    storage = SharedMemoryStorage(Path(sys.argv[1]))
    print("ready", flush=True)
    for _ in range(int(sys.argv[2])):
        storage.incr("a", 600)
"""


def test_processes_count_together(shared: SharedMemoryStorage, tmp_path: Path) -> None:
    """Four processes, which all begin with a file that is not there, count to 1,000 exactly."""
    processes = [start(_ADD, tmp_path / "counters", 250) for _ in range(4)]
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert shared.get("a") == 1000


@pytest.mark.parametrize("after", [0.01, 0.03, 0.05])
def test_a_killed_process_leaves_it_working(shared: SharedMemoryStorage, tmp_path: Path, after: float) -> None:
    """After kill -9 in the middle of counting, others go on at once from a value that was counted."""
    shared.incr("b", 600)
    with start(_ADD, tmp_path / "counters", 10**9) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(after)
        process.send_signal(signal.SIGKILL)
        process.wait()
    began = time.monotonic()
    value = shared.get("a")
    assert shared.incr("a", 600) == value + 1
    assert shared.get("b") == 1
    assert time.monotonic() - began < 2


def test_expired_rows_are_purged(shared: SharedMemoryStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has expired does not stay in memory."""
    for number in range(50):
        shared.incr(f"client-{number}", 1)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 100)
    shared.incr("b", 60)
    database = sqlite3.connect(tmp_path / "counters")
    assert database.execute("SELECT count(*) FROM counters").fetchone() == (1,)
    database.close()


def test_check(shared: SharedMemoryStorage, tmp_path: Path) -> None:
    """It tells whether the counters answer, and raises nothing."""
    assert shared.check()
    assert not SharedMemoryStorage(tmp_path / "no" / "counters").check()
    (tmp_path / "damaged").write_bytes(b"damaged " * 1000)
    assert not SharedMemoryStorage(tmp_path / "damaged").check()


class _Failing(MemoryStorage):
    """Counters that fail as they are told to."""

    STORAGE_SCHEME = None  # type: ignore[assignment]
    fails = True
    error: Exception = sqlite3.OperationalError("database is locked: client-address")

    @property
    def base_exceptions(self) -> type[Exception]:
        return sqlite3.Error

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        if self.fails:
            raise self.error
        return super().incr(key, expiry, amount)


class TestFallback:
    """When the shared counters do not answer."""

    def test_goes_on_and_says_so_once(self, caplog: pytest.LogCaptureFixture) -> None:
        """It counts alone; the log has one line for a minute of it, without what the error quotes."""
        storage = FallbackStorage(_Failing())
        assert [storage.incr("a", 60) for _ in range(20)] == list(range(1, 21))
        assert len(caplog.records) == 1
        assert caplog.records[0].levelno == logging.WARNING
        assert "OperationalError" in caplog.text
        assert "client-address" not in caplog.text

    def test_says_so_again_after_a_while(
        self, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An outage that lasts is told once a minute."""
        storage, now = FallbackStorage(_Failing()), time.monotonic()
        storage.incr("a", 60)
        monkeypatch.setattr(time, "monotonic", lambda: now + 61)
        storage.incr("a", 60)
        storage.incr("a", 60)
        assert len(caplog.records) == 2

    def test_goes_back_when_they_answer(self) -> None:
        """Once the shared counters are there again, they count."""
        shared = _Failing()
        storage = FallbackStorage(shared)
        storage.incr("a", 60)
        shared.fails = False
        assert storage.incr("a", 60) == 1
        assert shared.get("a") == 1

    def test_other_errors_are_not_hidden(self) -> None:
        """A mistake of this program is not taken for an outage."""
        shared = _Failing()
        shared.error = TypeError("a mistake")
        with pytest.raises(TypeError):
            FallbackStorage(shared).incr("a", 60)

    @pytest.mark.parametrize(
        "ask",
        [
            lambda storage: storage.incr("a", 60) == 1,
            lambda storage: storage.get("a") == 0,
            lambda storage: storage.get_expiry("a") <= time.time(),
            lambda storage: storage.clear("a") is None,
            lambda storage: storage.reset() is not False,
            lambda storage: storage.check() is False,
        ],
    )
    def test_every_call_goes_on(self, tmp_path: Path, ask: Callable[[Storage], bool]) -> None:
        """With a folder that is gone, no call fails; `check` tells the truth."""
        assert ask(FallbackStorage(SharedMemoryStorage(tmp_path / "gone" / "counters")))

    def test_a_file_that_becomes_damaged(self, tmp_path: Path) -> None:
        """Counters whose file is overwritten under way do not stop the service."""
        storage = FallbackStorage(SharedMemoryStorage(tmp_path / "counters"))
        storage.incr("a", 60)
        handle = os.open(tmp_path / "counters", os.O_WRONLY)
        os.pwrite(handle, b"damaged " * 1024, 0)
        os.close(handle)
        assert storage.incr("b", 60) >= 1
