"""The embedded stores pass the suites, and what only they promise: modes, locks, a full disk, a killed writer."""

import errno
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dropbox_app.blobs.local import LocalBlobStore
from dropbox_app.errors import StoreFull, StoreUnavailable
from dropbox_app.registry.sqlite import SqliteRegistry, prepare
from tests.contract.blob_store import HOUR, BlobStoreContract, get, name_of, put
from tests.contract.registry import RECORD, RegistryContract, an_id


class TestLocalBlobStore(BlobStoreContract):
    """Blobs in a folder."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> LocalBlobStore:
        """A store in an empty folder."""
        return LocalBlobStore(tmp_path)

    def test_a_blob_is_one_file_of_its_bytes(self, store: LocalBlobStore, tmp_path: Path) -> None:
        """Each blob is one file with exactly its bytes; files are 0600, folders 0700."""
        put(store, name_of(), b"sealed")
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert [path.read_bytes() for path in files] == [b"sealed"]
        assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
        assert {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_dir()} == {0o700}

    def test_a_full_disk_leaves_what_was_there(self, store: LocalBlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
        """An append that fails for lack of room takes back the part that was written."""
        writer = store.begin(name_of(), resumable=True)
        writer.append(b"kept")
        real, calls = os.write, 0

        def full(handle: int, data: memoryview) -> int:
            nonlocal calls
            calls += 1
            if calls == 1:
                return real(handle, data[:2])
            raise OSError(errno.ENOSPC, "full")

        with monkeypatch.context() as patch:
            patch.setattr(os, "write", full)
            with pytest.raises(StoreFull):
                writer.append(b"too much")
        assert writer.offset == 4
        writer.append(b" on")
        writer.commit()
        writer.close()

    @pytest.mark.parametrize("code", [errno.EIO, errno.EROFS, errno.EACCES])
    def test_other_failures_are_outages(
        self, store: LocalBlobStore, monkeypatch: pytest.MonkeyPatch, code: int
    ) -> None:
        """What is neither absence nor a full disk is an outage, never "not there"."""
        put(store, name := name_of(), b"x")

        def fail(*_: object, **__: object) -> int:
            raise OSError(code, "no")

        monkeypatch.setattr(os, "open", fail)
        with pytest.raises(StoreUnavailable):
            store.open(name)
        with pytest.raises(StoreUnavailable):
            store.begin(name_of(), resumable=False)

    def test_a_killed_writer_leaves_nothing(self, store: LocalBlobStore, tmp_path: Path) -> None:
        """After kill -9 in the middle of a blob nothing is visible, and the next sweep takes the rest at once."""
        name = name_of()
        program = textwrap.dedent(f"""
            import sys, time
            from pathlib import Path
            from dropbox_app.blobs.local import LocalBlobStore
            writer = LocalBlobStore(Path({str(tmp_path)!r})).begin({name!r}, resumable=False)
            writer.append(b"x" * 100_000)
            print("ready", flush=True)
            time.sleep(60)
        """)
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            assert store.drop_unfinished(time.time() - 3600) == 0
            process.send_signal(signal.SIGKILL)
        assert store.open(name) is None
        assert store.drop_unfinished(time.time() - 3600) == 1
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []

    def test_counts_what_is_used(self, store: LocalBlobStore) -> None:
        """Finished and unfinished blobs count alike."""
        put(store, name_of(), b"x" * 1000)
        writer = store.begin(name_of(), resumable=True)
        writer.append(b"y" * 500)
        assert store.used() == 1500
        writer.close()
        assert store.free() > 0

    def test_empty_hours_leave_no_folder(self, store: LocalBlobStore, tmp_path: Path) -> None:
        """The folder of an hour goes with its last blob."""
        put(store, name := name_of(), b"x")
        store.delete(name)
        assert list((tmp_path / "blobs").iterdir()) == []

    def test_reading_after_others_wrote(self, store: LocalBlobStore, tmp_path: Path) -> None:
        """Another store on the same folder sees the same blobs."""
        put(store, name := name_of(HOUR), b"shared")
        assert get(LocalBlobStore(tmp_path), name) == b"shared"


class TestSqliteRegistry(RegistryContract):
    """The registry in a file."""

    @pytest.fixture
    def registry(self, tmp_path: Path) -> Iterator[SqliteRegistry]:
        """An empty registry."""
        path = tmp_path / "registry.sqlite3"
        prepare(path)
        registry = SqliteRegistry(path)
        yield registry
        registry.close()

    def test_holds_two_tables_and_nothing_else(self, registry: SqliteRegistry, tmp_path: Path) -> None:
        """IDs, two hashes and tickets: no column for anything else, and 0600."""
        file_id = an_id()
        registry.add(file_id, RECORD, 2)
        with sqlite3.connect(tmp_path / "registry.sqlite3") as database:
            tables = dict(database.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'"))
            assert set(tables) == {"drops", "tickets"}
            assert list(database.execute("SELECT * FROM drops")) == [(file_id, RECORD.proof, RECORD.owner)]
            assert sorted(database.execute("SELECT * FROM tickets")) == [(f"{file_id}:0",), (f"{file_id}:1",)]
        database.close()
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}

    def test_what_is_deleted_is_nowhere(self, registry: SqliteRegistry, tmp_path: Path) -> None:
        """After the sweep, a deleted record is in none of the registry's files."""
        file_id = an_id()
        registry.add(file_id, RECORD, 3)
        registry.remove(file_id)
        registry.remove_expiring_before(HOUR)
        for path in tmp_path.iterdir():
            assert file_id.encode() not in path.read_bytes()

    def test_a_lock_that_stays_is_an_outage(self, registry: SqliteRegistry, tmp_path: Path) -> None:
        """While somebody else holds the write lock, changes wait some seconds and then fail; reading goes on."""
        file_id = an_id()
        registry.add(file_id, RECORD, 1)
        other = sqlite3.connect(tmp_path / "registry.sqlite3", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(StoreUnavailable):
            registry.take_ticket(file_id)
        assert time.monotonic() - began < 10
        assert registry.find(file_id) == RECORD
        other.execute("ROLLBACK")
        other.close()
        assert registry.take_ticket(file_id)

    def test_tickets_hold_over_processes(self, registry: SqliteRegistry, tmp_path: Path) -> None:
        """5 tickets and 40 claimers in 4 processes: exactly 5."""
        file_id = an_id()
        registry.add(file_id, RECORD, 5)
        program = textwrap.dedent(f"""
            from concurrent.futures import ThreadPoolExecutor
            from pathlib import Path
            from dropbox_app.registry.sqlite import SqliteRegistry
            registry = SqliteRegistry(Path({str(tmp_path)!r}) / "registry.sqlite3")
            with ThreadPoolExecutor(10) as pool:
                print(sum(pool.map(lambda _: registry.take_ticket({file_id!r}), range(10))))
            registry.close()
        """)
        processes = [
            subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(4)
        ]
        assert sum(int(process.communicate(timeout=60)[0]) for process in processes) == 5

    def test_a_damaged_file_is_an_outage(self, tmp_path: Path) -> None:
        """A registry that is no database fails as an outage, not as an empty one."""
        path = tmp_path / "damaged.sqlite3"
        path.write_bytes(b"not a database" * 1000)
        registry = SqliteRegistry(path)
        with pytest.raises(StoreUnavailable):
            registry.find(an_id())
