"""What every blob store does: the suite that each back end's own test file inherits."""

import os
import threading
import time

import pytest

from dropbox_app.drops.stores import BlobStore
from dropbox_app.model import BlobName, Hour, hour_of, hour_prefix

HOUR = Hour(hour_of(time.time()) + 24)


def name_of(hour: Hour = HOUR, ending: str = "") -> BlobName:
    """A blob name of this hour that no other test has."""
    return BlobName(f"{hour_prefix(hour)}-{ending or os.urandom(16).hex()}")


def put(store: BlobStore, name: BlobName, content: bytes) -> None:
    """Store a whole blob."""
    writer = store.begin(name, resumable=False)
    try:
        writer.append(content)
        writer.commit()
    finally:
        writer.close()


def get(store: BlobStore, name: BlobName) -> bytes | None:
    """Read a whole blob; None if there is none."""
    reader = store.open(name)
    if reader is None:
        return None
    try:
        buffer = bytearray(reader.size)
        assert reader.read_into(0, memoryview(buffer)) == reader.size
        return bytes(buffer)
    finally:
        reader.close()


class BlobStoreContract:
    """Inherit, and give a fixture ``store``."""

    @pytest.mark.parametrize("size", [0, 1, 104, 4272, 2**20 - 1, 2**20, 2**20 + 1, 5 * 2**20])
    def test_gives_back_what_was_put(self, store: BlobStore, size: int) -> None:
        """A committed blob comes back byte for byte, whatever its size."""
        name, content = name_of(), os.urandom(size)
        put(store, name, content)
        assert get(store, name) == content
        store.delete(name)

    def test_appends_add_up(self, store: BlobStore) -> None:
        """A blob is the concatenation of what was appended, and the offset tells how much that is."""
        name = name_of()
        writer = store.begin(name, resumable=False)
        for piece in (b"", b"a", bytearray(b"bc"), memoryview(b"def")):
            writer.append(piece)
        assert writer.offset == 6
        writer.commit()
        writer.close()
        assert get(store, name) == b"abcdef"
        store.delete(name)

    def test_nothing_is_visible_before_commit(self, store: BlobStore) -> None:
        """An unfinished blob cannot be opened; once closed without a commit, one that is not resumable is gone."""
        name = name_of()
        writer = store.begin(name, resumable=False)
        writer.append(b"half")
        assert store.open(name) is None
        writer.close()
        assert store.open(name) is None
        assert store.resume(name) is None

    def test_resumes_where_it_stopped(self, store: BlobStore) -> None:
        """A resumable blob goes on at its offset with another writer, and is invisible until it is committed."""
        name = name_of()
        first = store.begin(name, resumable=True)
        first.append(b"one ")
        first.close()
        assert store.open(name) is None
        second = store.resume(name)
        assert second is not None
        assert second.offset == 4
        second.append(b"two")
        second.commit()
        second.close()
        assert get(store, name) == b"one two"
        assert store.resume(name) is None
        store.delete(name)

    def test_one_writer_at_a_time(self, store: BlobStore) -> None:
        """While somebody writes a blob, nobody else can resume it."""
        name = name_of()
        writer = store.begin(name, resumable=True)
        assert store.resume(name) is None
        writer.close()
        again = store.resume(name)
        assert again is not None
        again.close()
        store.delete(name)

    def test_reads_ranges(self, store: BlobStore) -> None:
        """A reader fills the buffer from any offset, and gives fewer bytes only at the end."""
        name, content = name_of(), os.urandom(3 * 2**20)
        put(store, name, content)
        reader = store.open(name)
        assert reader is not None
        buffer = bytearray(2**20 + 7)
        for offset in (0, 1, 2**20 - 3, 2 * 2**20, len(content) - 5, len(content), len(content) + 9):
            count = reader.read_into(offset, memoryview(buffer))
            assert buffer[:count] == content[offset : offset + len(buffer)]
        reader.close()
        store.delete(name)

    def test_a_missing_blob_is_none(self, store: BlobStore) -> None:
        """Opening or resuming what is not there gives None, and deleting it is no error."""
        name = name_of()
        assert store.open(name) is None
        assert store.resume(name) is None
        store.delete(name)

    def test_deleting_does_not_disturb_a_reader(self, store: BlobStore) -> None:
        """A transfer that is under way ends well although the drop was deleted."""
        name, content = name_of(), os.urandom(2**20)
        put(store, name, content)
        reader = store.open(name)
        assert reader is not None
        store.delete(name)
        buffer = bytearray(len(content))
        assert reader.read_into(0, memoryview(buffer)) == len(content)
        assert buffer == content
        reader.close()
        assert store.open(name) is None

    def test_lists_what_expires(self, store: BlobStore) -> None:
        """Only blobs whose hour is before the given one are listed, unfinished ones included."""
        early, exact, late, unfinished = (name_of(Hour(hour)) for hour in (HOUR - 30, HOUR - 20, HOUR - 10, HOUR - 29))
        for name in (early, exact, late):
            put(store, name, b"x")
        store.begin(unfinished, resumable=True).close()
        assert set(store.expiring_before(Hour(HOUR - 20))) == {early, unfinished}
        assert set(store.expiring_before(Hour(HOUR - 9))) == {early, unfinished, exact, late}
        for name in (early, exact, late, unfinished):
            store.delete(name)
        assert list(store.expiring_before(HOUR)) == []

    def test_marks_what_is_due(self, store: BlobStore) -> None:
        """A mark is listed once its hour is over, whether or not the blob is still there, until it is cleared."""
        sooner, later = name_of(), name_of()
        store.mark_due(sooner, Hour(HOUR - 5))
        store.mark_due(sooner, Hour(HOUR - 5))
        store.mark_due(later, Hour(HOUR - 3))
        assert list(store.due_before(Hour(HOUR - 5))) == []
        assert list(store.due_before(Hour(HOUR - 4))) == [sooner]
        assert set(store.due_before(HOUR)) == {sooner, later}
        store.clear_due_before(Hour(HOUR - 4))
        assert list(store.due_before(HOUR)) == [later]
        store.clear_due_before(HOUR)

    def test_drops_what_nobody_goes_on_with(self, store: BlobStore) -> None:
        """Unfinished blobs go by age, and those under somebody's hands stay."""
        resumable, busy = name_of(), name_of()
        store.begin(resumable, resumable=True).close()
        writer = store.begin(busy, resumable=False)
        store.drop_unfinished(time.time() - 3600)
        again = store.resume(resumable)
        assert again is not None
        again.close()
        store.drop_unfinished(time.time() + 3600)
        assert store.resume(resumable) is None
        writer.append(b"still here")
        writer.commit()
        writer.close()
        assert get(store, busy) == b"still here"
        store.delete(busy)

    def test_many_at_once(self, store: BlobStore) -> None:
        """Writers and readers of different blobs do not disturb one another."""
        contents = {name_of(): os.urandom(300_000 + number) for number in range(8)}
        threads = [threading.Thread(target=put, args=(store, *item)) for item in contents.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {name: get(store, name) for name in contents} == contents
        for name in contents:
            store.delete(name)

    def test_check_answers(self, store: BlobStore) -> None:
        """A healthy store says nothing."""
        store.check()
