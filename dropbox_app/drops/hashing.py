"""Argon2 at two ends: a fixed pool for what costs 64 MiB, and the cheap end for what nobody can guess."""

import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError, VerifyMismatchError

from dropbox_app.errors import Busy, StoreUnavailable

_log = logging.getLogger(__name__)

THREADS = 2
"""Hashes of 64 MiB at a time, on the whole machine."""
QUEUE = 8
"""Hashes that may wait in one process."""
PATIENCE = 8.0
"""Seconds until a waiting one is told that the service is busy."""
_RETRY_AFTER = 3
_POLL = 0.003

T = TypeVar("T")

# Proofs and owner tokens are values of 256 bits: guessing them is hopeless at any cost, so the least cost is enough.
_cheap = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1, hash_len=32, salt_len=16)


def hash_secret(secret: bytes | str) -> str:
    """Argon2id of a 256-bit secret with a fresh salt, in the encoded form; about 1 ms and 1 MiB."""
    return _cheap.hash(secret)


def verify_secret(encoded: str, untrusted: bytes | str) -> bool:
    """Whether this is the secret that was hashed. Compares in constant time.

    Raises:
        StoreUnavailable: the registry holds something that is no Argon2 hash.
    """
    try:
        return _cheap.verify(encoded, untrusted)
    except VerifyMismatchError:
        return False
    except (ValueError, VerificationError) as error:
        raise StoreUnavailable("the registry holds a damaged hash") from error


class HashPool:
    """Runs expensive hashes in a few threads, on as many slots as the machine has for all its processes.

    A burst of unbounded hashing takes 64 MiB each: a hundred claims would take six gigabytes.

    Args:
        slots: Folder of the slots' lock files, the same for all processes of the machine.
        threads: How many slots, and threads of this process.
        waiting: How many more may wait in this process.
    """

    def __init__(self, slots: Path, *, threads: int = THREADS, waiting: int = QUEUE) -> None:
        self._slots = [slots / f"hash-slot-{number}" for number in range(threads)]
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="hash")
        self._places = threading.BoundedSemaphore(threads + waiting)

    def run(self, work: Callable[[], T]) -> T:
        """Do the work in the pool and wait for it.

        Raises:
            Busy: the queue is full, or the turn did not come in time.
        """
        if not self._places.acquire(blocking=False):
            raise Busy(_RETRY_AFTER)
        deadline = time.monotonic() + PATIENCE
        future = self._pool.submit(self._in_slot, work, deadline)
        future.add_done_callback(lambda _: self._places.release())
        try:
            return future.result(PATIENCE + 1)
        except TooLate:
            future.cancel()
            raise Busy(_RETRY_AFTER) from None

    def _in_slot(self, work: Callable[[], T], deadline: float) -> T:
        with self._slot(deadline):
            return work()

    @contextmanager
    def _slot(self, deadline: float) -> Iterator[None]:
        handles: list[int] = []
        try:
            handles += (os.open(path, os.O_RDWR | os.O_CREAT, 0o600) for path in self._slots)
        except OSError as error:
            # Somebody cleaned the machine's memory: the bound of this process still holds.
            _log.warning("the machine's hashing slots cannot be opened (%s)", type(error).__name__)
        try:
            while handles and not any(_lock(handle) for handle in handles):
                if time.monotonic() > deadline:
                    raise Busy(_RETRY_AFTER)
                time.sleep(_POLL)
            yield
        finally:
            # Closing lets go of the lock, and so does the end of the process, whatever ends it.
            for handle in handles:
                os.close(handle)

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(cancel_futures=True)


def _lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
