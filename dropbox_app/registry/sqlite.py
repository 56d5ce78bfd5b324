"""The registry in SQLite: two tables, several processes, nothing kept that was deleted.

Write-ahead logging lets readers and one writer go on side by side. ``secure_delete`` overwrites what a row held, and
`SqliteRegistry.remove_expiring_before` empties the log as well, so that a deleted hash is nowhere in the files.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from dropbox_app.errors import DropExists, StoreFull, StoreUnavailable
from dropbox_app.idle import Idle
from dropbox_app.model import FileId, Hour, Record, hour_prefix

_SCHEMA = """
CREATE TABLE IF NOT EXISTS drops (id TEXT PRIMARY KEY, proof TEXT NOT NULL, owner TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tickets (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
"""
_LOCK_WAIT = 4.0
"""Seconds a call waits for another process's write."""
_IDLE_CONNECTIONS = 2
"""Connections kept open for the next call, of all that a burst may have opened."""


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """The one place where SQLite's errors become ours."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "unknown")
        # The second is said when there is no room for the index of the write-ahead log.
        if name in ("SQLITE_FULL", "SQLITE_IOERR_SHMSIZE"):
            raise StoreFull("no room for the registry") from error
        raise StoreUnavailable(f"the registry failed: {name}") from error


def prepare(path: Path) -> None:
    """Make the database, once, before several processes use it.

    Switching to write-ahead logging takes a lock that no busy timeout waits for, so two processes that both do it at
    their start can fail: whoever calls this holds a lock of its own around it.
    """
    with _translated(), contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
    with _translated(), contextlib.closing(sqlite3.connect(path, timeout=_LOCK_WAIT, isolation_level=None)) as database:
        if database.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            database.execute("PRAGMA journal_mode = WAL")
        database.executescript(_SCHEMA)


class SqliteRegistry:
    """A registry in one file.

    Args:
        path: The file, which `prepare` has made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle = Idle(self._connect, _IDLE_CONNECTIONS)

    def _connect(self) -> sqlite3.Connection:
        # SQLite would open what cannot be written to for reading alone, and stay so when the disk is well again.
        if not os.access(self._path, os.W_OK):
            raise StoreUnavailable("the registry cannot be written to")
        database = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=_LOCK_WAIT,
            isolation_level=None,
            check_same_thread=False,
        )
        # FULL: what was answered for has to outlive a power cut. It costs one sync of the log for each change.
        for pragma in ("synchronous = FULL", "secure_delete = ON", "temp_store = MEMORY", "cache_size = -256"):
            database.execute(f"PRAGMA {pragma}")
        return database

    @contextlib.contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        with _translated(), self._idle.borrow() as database:
            yield database

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._database() as database:
            database.execute("BEGIN IMMEDIATE")
            yield database
            database.execute("COMMIT")

    def add(self, file_id: FileId, record: Record, downloads: int | None) -> None:
        """Tickets and record in one transaction."""
        tickets = [f"{file_id}:*"] if downloads is None else [f"{file_id}:{number}" for number in range(downloads)]
        with self._transaction() as database:
            if database.execute("SELECT 1 FROM drops WHERE id = ?", (file_id,)).fetchone():
                raise DropExists
            _delete_tickets(database, file_id)
            database.executemany("INSERT INTO tickets VALUES (?)", [(ticket,) for ticket in tickets])
            database.execute("INSERT INTO drops VALUES (?, ?, ?)", (file_id, record.proof, record.owner))

    def find(self, file_id: FileId) -> Record | None:
        """One row by its key."""
        with self._database() as database:
            row = database.execute("SELECT proof, owner FROM drops WHERE id = ?", (file_id,)).fetchone()
        return Record(*row) if row else None

    def downloads_left(self, file_id: FileId) -> int | None:
        """Count the tickets."""
        with self._database() as database:
            count, first = database.execute(
                "SELECT count(*), min(id) FROM tickets WHERE id >= ? AND id < ?", _ticket_range(file_id)
            ).fetchone()
        return None if first == f"{file_id}:*" else int(count)

    def take_ticket(self, file_id: FileId) -> bool:
        """Delete one ticket, in one statement, and ask whether this call deleted it."""
        with self._database() as database:
            if database.execute("SELECT 1 FROM tickets WHERE id = ?", (f"{file_id}:*",)).fetchone():
                return True
            taken = database.execute(
                "DELETE FROM tickets WHERE id = (SELECT id FROM tickets WHERE id >= ? AND id < ? LIMIT 1)",
                _ticket_range(file_id),
            )
            return taken.rowcount == 1

    def remove_tickets(self, file_id: FileId) -> None:
        """All tickets of one drop."""
        with self._database() as database:
            _delete_tickets(database, file_id)

    def remove(self, file_id: FileId) -> None:
        """Tickets first, so that nobody claims what is about to go."""
        with self._transaction() as database:
            _delete_tickets(database, file_id)
            database.execute("DELETE FROM drops WHERE id = ?", (file_id,))

    def remove_expiring_before(self, hour: Hour) -> int:
        """Two deletes by range of key, then the log is emptied."""
        limit = (hour_prefix(hour),)
        with self._transaction() as database:
            database.execute("DELETE FROM tickets WHERE id < ?", limit)
            removed = database.execute("DELETE FROM drops WHERE id < ?", limit).rowcount
        with self._database() as database:
            # A reader in the way makes this do less; the next sweep does the rest.
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return removed

    def expiring_in(self, hour: Hour) -> Iterator[FileId]:
        """Keys by range."""
        with self._database() as database:
            rows = database.execute(
                "SELECT id FROM drops WHERE id >= ? AND id < ?", (hour_prefix(hour), hour_prefix(Hour(hour + 1)))
            ).fetchall()
        yield from (FileId(row[0]) for row in rows)

    def check(self) -> None:
        """Take the write lock and let it go."""
        with self._transaction() as database:
            database.execute("SELECT count(*) FROM drops WHERE id = ''")

    def close(self) -> None:
        """Close the idle connections."""
        self._idle.close()


def _ticket_range(file_id: FileId) -> tuple[str, str]:
    return f"{file_id}:", f"{file_id};"


def _delete_tickets(database: sqlite3.Connection, file_id: FileId) -> None:
    database.execute("DELETE FROM tickets WHERE id >= ? AND id < ?", _ticket_range(file_id))
