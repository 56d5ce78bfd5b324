"""Counters in memory that all processes of a machine share: a small SQLite file in the machine's shared folder.

The `limits` library has counters for one process and for Redis; this is the one between. Keys are keyed hashes made
by the callers, and each lives for minutes.
"""

import contextlib
import sqlite3
import time
from pathlib import Path
from typing import Any

from limits.storage import Storage

from dropbox_app.idle import Idle

_SCHEMA = "CREATE TABLE IF NOT EXISTS counters (key TEXT PRIMARY KEY, value INTEGER, expires REAL) WITHOUT ROWID"
_PURGE_EVERY = 60.0
_IDLE_CONNECTIONS = 2


class SharedMemoryStorage(Storage):
    """A storage of `limits` whose counts hold over all processes that open the same file.

    Args:
        path: The file, in memory; made if it is not there.
    """

    STORAGE_SCHEME = None

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._idle = Idle(self._connect, _IDLE_CONNECTIONS)
        self._next_purge = 0.0

    @property
    def base_exceptions(self) -> type[Exception]:
        """What any call may raise."""
        return sqlite3.Error

    def _connect(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=5.0, isolation_level=None, check_same_thread=False)
        # Memory needs no syncing; the journal, in memory too, mends what a killed process left half-written.
        for pragma in ("synchronous = OFF", "journal_mode = TRUNCATE", "cache_size = -64"):
            database.execute(f"PRAGMA {pragma}")
        database.execute(_SCHEMA)
        return database

    def _run(self, statement: str, *values: object) -> list[Any]:
        with self._idle.borrow() as database:
            return database.execute(statement, values).fetchall()

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Add to a counter, which lives for ``expiry`` seconds from its first count on; returns the new value."""
        now = time.time()
        self._purge(now)
        rows = self._run(
            "INSERT INTO counters VALUES (?1, ?2, ?3) ON CONFLICT (key) DO UPDATE SET"
            " value = CASE WHEN expires <= ?4 THEN ?2 ELSE value + ?2 END,"
            " expires = CASE WHEN expires <= ?4 THEN ?3 ELSE expires END RETURNING value",
            key,
            amount,
            now + expiry,
            now,
        )
        return int(rows[0][0])

    def get(self, key: str) -> int:
        """The value; 0 once it has expired."""
        rows = self._live(key)
        return int(rows[0][0]) if rows else 0

    def get_expiry(self, key: str) -> float:
        """When the counter ends (seconds since 1970); now, if there is none."""
        rows = self._live(key)
        return float(rows[0][1]) if rows else time.time()

    def _live(self, key: str) -> list[Any]:
        return self._run("SELECT value, expires FROM counters WHERE key = ? AND expires > ?", key, time.time())

    def _purge(self, now: float) -> None:
        if now >= self._next_purge:
            self._next_purge = now + _PURGE_EVERY
            self._run("DELETE FROM counters WHERE expires <= ?", now)

    def check(self) -> bool:
        """Whether it answers."""
        with contextlib.suppress(sqlite3.Error):
            self._run("SELECT 1 FROM counters LIMIT 1")
            return True
        return False

    def reset(self) -> int | None:
        """Forget everything; returns how many counters that were."""
        return len(self._run("DELETE FROM counters RETURNING key"))

    def clear(self, key: str) -> None:
        """Forget one counter."""
        self._run("DELETE FROM counters WHERE key = ?", key)

    def close(self) -> None:
        """Close the idle connections."""
        self._idle.close()
