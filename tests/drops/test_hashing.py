"""The hashing pool's bounds, in one process and over several, and the cheap hashes of long secrets."""

import contextlib
import os
import signal
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from dropbox_app.drops import hashing
from dropbox_app.drops.hashing import QUEUE, THREADS, HashPool, hash_secret, verify_secret
from dropbox_app.errors import Busy, StoreUnavailable
from tests.drops.world import output_of, start_program


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[HashPool]:
    """A pool of the usual size."""
    pool = HashPool(tmp_path)
    yield pool
    pool.close()


def test_gives_back_what_the_work_gives(pool: HashPool) -> None:
    """A result comes back, an error too, and neither costs a place."""
    assert pool.run(lambda: 7) == 7
    for _ in range(2 * (THREADS + QUEUE)):
        with pytest.raises(KeyError):
            pool.run(lambda: os.environ["NO_SUCH_VARIABLE"])
    assert pool.run(lambda: 8) == 8


def test_more_than_the_queue_holds_is_busy(pool: HashPool) -> None:
    """THREADS work, QUEUE wait, and the next one is told at once; when the rush is over it is taken again."""
    go, begun = threading.Event(), threading.Semaphore(0)

    def work() -> int:
        begun.release()
        assert go.wait(20)
        return 1

    with ThreadPoolExecutor(THREADS + QUEUE) as clients:
        taken = [clients.submit(pool.run, work) for _ in range(THREADS + QUEUE)]
        for _ in range(THREADS):
            assert begun.acquire(timeout=10)
        deadline = time.monotonic() + 10
        while pool._places._value and time.monotonic() < deadline:
            time.sleep(0.005)
        before = time.monotonic()
        with pytest.raises(Busy) as busy:
            pool.run(lambda: 2)
        assert time.monotonic() - before < 0.5
        assert busy.value.retry_after > 0
        assert not begun.acquire(blocking=False)
        go.set()
        assert sum(one.result(20) for one in taken) == THREADS + QUEUE
    assert pool.run(lambda: 3) == 3


def test_a_turn_that_does_not_come_is_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for a slot longer than there is patience for is told so, and its place is free again."""
    monkeypatch.setattr(hashing, "PATIENCE", 0.2)
    blocker, pool = HashPool(tmp_path), HashPool(tmp_path, waiting=0)
    go, begun = threading.Event(), threading.Semaphore(0)

    def hold() -> bool:
        begun.release()
        return go.wait(20)

    with ThreadPoolExecutor(THREADS) as clients:
        monkeypatch.setattr(hashing, "PATIENCE", 20)
        held: list[Future[bool]] = [clients.submit(blocker.run, hold) for _ in range(THREADS)]
        for _ in range(THREADS):
            assert begun.acquire(timeout=10)
        monkeypatch.setattr(hashing, "PATIENCE", 0.2)
        for _ in range(THREADS + 1):
            before = time.monotonic()
            with pytest.raises(Busy):
                pool.run(lambda: 1)
            assert time.monotonic() - before < 2
        go.set()
        assert all(one.result(20) for one in held)
    assert pool.run(lambda: 1) == 1
    blocker.close()
    pool.close()


_MANY = textwrap.dedent("""
    import fcntl, os, sys, time
    from concurrent.futures import ThreadPoolExecutor
    from pathlib import Path
    from dropbox_app.drops.hashing import HashPool

    def add(path, by):
        handle = os.open(path, os.O_RDWR | os.O_CREAT)
        fcntl.flock(handle, fcntl.LOCK_EX)
        now, most = (int(part) for part in (os.pread(handle, 99, 0) or b"0 0").split())
        os.pwrite(handle, b"%6d %6d" % (now + by, max(most, now + by)), 0)
        os.close(handle)

    folder = Path(sys.argv[1])
    pool = HashPool(folder)

    def work():
        add(folder / "count", 1)
        time.sleep(0.02)
        add(folder / "count", -1)
        return 1

    with ThreadPoolExecutor(6) as clients:
        print(sum(clients.map(lambda _: pool.run(work), range(12))))
    pool.close()
""")


def test_slots_hold_over_processes(tmp_path: Path) -> None:
    """Two processes with six clients each: all are served, and never more than two hash at a time on the machine."""
    processes = [start_program(_MANY, tmp_path) for _ in range(2)]
    assert [int(output_of(process)) for process in processes] == [12, 12]
    now, most = (tmp_path / "count").read_text().split()
    assert (int(now), int(most)) == (0, THREADS)


def test_a_killed_process_frees_its_slots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After kill -9 of a process that held both slots, they are free at once."""
    monkeypatch.setattr(hashing, "PATIENCE", 0.3)
    program = textwrap.dedent("""
        import os, sys, threading, time
        from pathlib import Path
        from dropbox_app.drops.hashing import THREADS, HashPool
        pool = HashPool(Path(sys.argv[1]))
        def hold():
            os.write(1, b"held\\n")
            time.sleep(20)
        for _ in range(THREADS):
            threading.Thread(target=pool.run, args=(hold,), daemon=True).start()
        time.sleep(20)
    """)
    pool = HashPool(tmp_path)
    with start_program(program, tmp_path) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(THREADS)] == ["held\n"] * THREADS
        with pytest.raises(Busy):
            pool.run(lambda: 1)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert pool.run(lambda: 1) == 1
    pool.close()


def test_slots_are_this_users_alone(pool: HashPool, tmp_path: Path) -> None:
    """Nobody else can hold a slot: the files are 0600 and empty."""
    pool.run(lambda: 1)
    found = [path.stat() for path in tmp_path.glob("hash-slot-*")]
    assert [(one.st_mode & 0o777, one.st_size) for one in found] == [(0o600, 0)] * THREADS


def test_the_pool_leaves_nothing_open(tmp_path: Path) -> None:
    """After many hashes no file is open and after the end no thread is left."""
    pool = HashPool(tmp_path)
    for _ in range(50):
        pool.run(lambda: 1)
    names = []
    for one in Path(f"/proc/{os.getpid()}/fd").iterdir() if sys.platform == "linux" else ():
        with contextlib.suppress(OSError):
            names.append(one.readlink().name)
    assert not [name for name in names if name.startswith("hash-slot-")]
    pool.close()
    assert not [thread for thread in threading.enumerate() if thread in pool._pool._threads]


def test_secrets_verify() -> None:
    """A secret verifies against its hash and no other does; the same one is hashed differently every time."""
    one, again = hash_secret(b"a" * 32), hash_secret(b"a" * 32)
    assert one != again
    assert one.startswith("$argon2id$v=19$m=1024,t=1,p=1$")
    assert verify_secret(one, b"a" * 32)
    assert verify_secret(again, b"a" * 32)
    assert not verify_secret(one, b"a" * 31)
    assert not verify_secret(one, b"a" * 31 + b"b")
    assert not verify_secret(one, b"")
    assert verify_secret(hash_secret("token"), b"token")


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "x",
        "$argon2id$",
        "$argon2id$v=19$m=1024,t=1,p=1$",
        "$argon2id$v=19$m=1024,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA",
        "$2b$12$abcdefghijklmnopqrstuuJJJJJJJJJJJJJJJJJJJJJJJJJJJJJJJJ",
        "$argon2id$v=19$m=1024,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$é",
        "\0",
    ],
)
def test_a_damaged_hash_is_an_outage(damaged: str) -> None:
    """A registry that holds no hash where one belongs is out of order: nobody's passwords are called wrong for it."""
    with pytest.raises(StoreUnavailable):
        verify_secret(damaged, b"a" * 32)


def test_a_cut_hash_is_an_outage() -> None:
    """The same for every hash that lost its end before its digest began."""
    whole = hash_secret(b"a" * 32)
    for length in range(whole.rindex("$")):
        with pytest.raises(StoreUnavailable):
            verify_secret(whole[:length], b"a" * 32)


@pytest.mark.parametrize("untrusted", ["", "\N{SNOWMAN}", "x" * 10_000, "\0"])
def test_any_token_can_be_compared(untrusted: str) -> None:
    """Whatever is sent as an owner token is wrong, and no error of another kind."""
    assert not verify_secret(hash_secret("token"), untrusted)
