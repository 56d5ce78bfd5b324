"""The two storage protocols, owned by the rules that use them. The docstrings are the contract.

Any method may raise `StoreUnavailable`: the store did not do it, and whether something exists is then unknown. No
other error of a vendor gets through. Every adapter passes the one suite in ``tests/contract/``.
"""

from collections.abc import Iterator
from typing import Protocol

from dropbox_app.model import BlobName, FileId, Hour, Record

Bytes = bytes | bytearray | memoryview


class BlobWriter(Protocol):
    """One blob on its way into the store, invisible until it is committed. Used by one thread at a time."""

    @property
    def offset(self) -> int:
        """How many bytes are safely with the store."""
        ...

    def append(self, data: Bytes) -> None:
        """Add bytes at the end.

        Raises:
            StoreFull: no room. What was there before this call still is.
        """
        ...

    def commit(self) -> None:
        """Make the blob visible, all of it, and only once every byte is where a power cut cannot take it.

        Raises:
            StoreFull: no room. The blob stays invisible.
        """
        ...

    def close(self) -> None:
        """Let go. What was not committed stays for `BlobStore.resume` if it was begun as resumable, else it goes."""
        ...


class BlobReader(Protocol):
    """One committed blob, open for reading. Deleting the blob does not disturb it. Thread-safe."""

    @property
    def size(self) -> int:
        """Bytes of the whole blob."""
        ...

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """Fill the buffer from this offset on; fewer bytes only where the blob ends.

        Returns:
            How many bytes were written into the buffer.
        """
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class BlobStore(Protocol):
    """Sealed containers under names that tell their hour of expiry, and markers of what is due before that."""

    def begin(self, name: BlobName, *, resumable: bool) -> BlobWriter:
        """Begin a blob of this name, which no other ever had.

        Raises:
            StoreFull: no room for even the first byte.
        """
        ...

    def resume(self, name: BlobName) -> BlobWriter | None:
        """Go on with a resumable blob that is not committed; None if there is none, or another writer has it."""
        ...

    def open(self, name: BlobName) -> BlobReader | None:
        """Open a committed blob; None if there is none."""
        ...

    def delete(self, name: BlobName) -> None:
        """Delete a blob, committed or not. Nothing to delete is no error."""
        ...

    def expiring_before(self, hour: Hour) -> Iterator[BlobName]:
        """Names of committed and unfinished blobs that expire before this hour."""
        ...

    def mark_due(self, name: BlobName, hour: Hour) -> None:
        """Note that this blob may go once the hour has come, before it expires."""
        ...

    def due_before(self, hour: Hour) -> Iterator[BlobName]:
        """Names of blobs whose mark says an hour before this one."""
        ...

    def clear_due_before(self, hour: Hour) -> None:
        """Forget the marks that say an hour before this one."""
        ...

    def drop_unfinished(self, older_than: float) -> int:
        """Delete unfinished blobs that nobody writes: begun as not resumable, or untouched since a point in time.

        Args:
            older_than: Seconds since 1970.

        Returns:
            How many were deleted.
        """
        ...

    def check(self) -> None:
        """Raise `StoreUnavailable` unless the store can be written to now."""
        ...


class Capacity(Protocol):
    """What a blob store on a disk of its own can tell."""

    def free(self) -> int:
        """Bytes that can still be written."""
        ...

    def used(self) -> int:
        """Bytes that all blobs take, unfinished ones included."""
        ...


class Registry(Protocol):
    """File IDs, two Argon2 hashes for each, and tickets. Nothing else, ever."""

    def add(self, file_id: FileId, record: Record, downloads: int | None) -> None:
        """Write the tickets, then the record, removing first what an interrupted try left.

        Args:
            file_id: The drop's ID.
            record: Its hashes.
            downloads: How many tickets; None for one that lasts.

        Raises:
            DropExists: there is a record of this ID already; nothing is changed.
            StoreFull: no room.
        """
        ...

    def find(self, file_id: FileId) -> Record | None:
        """The record, or None if there is none."""
        ...

    def downloads_left(self, file_id: FileId) -> int | None:
        """How many tickets are left; None without a limit. 0 also where nothing is known of this ID."""
        ...

    def take_ticket(self, file_id: FileId) -> bool:
        """Take one ticket. Of all callers in all processes, each ticket goes to exactly one."""
        ...

    def remove_tickets(self, file_id: FileId) -> None:
        """Take all tickets away, so that nobody can claim the drop any more."""
        ...

    def remove(self, file_id: FileId) -> None:
        """Remove tickets and record. Nothing to remove is no error."""
        ...

    def remove_expiring_before(self, hour: Hour) -> int:
        """Remove everything whose ID expires before this hour; returns the number of records."""
        ...

    def expiring_in(self, hour: Hour) -> Iterator[FileId]:
        """IDs of the records that expire in this hour."""
        ...

    def check(self) -> None:
        """Raise `StoreUnavailable` unless the registry answers now."""
        ...
