"""Blobs in a folder: each committed blob is one file of exactly its bytes.

``blobs/<hour prefix>/<name>`` holds what is committed, ``incoming/<name>.part`` and ``.once`` what is not (resumable
or not), ``due/<hour prefix>~<name>`` the empty markers. A writer holds a lock on its file, so that
no sweep of any process takes it away; a lock dies with its process, also by kill -9.
"""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from dropbox_app.errors import StoreFull, StoreUnavailable
from dropbox_app.model import PREFIX_LENGTH, BlobName, Hour, hour_prefix

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_RESUMABLE, _ONCE = ".part", ".once"


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """The one place where the system's errors become ours."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StoreFull("no room in the blob folder") from error
        raise StoreUnavailable(f"the blob folder failed: {errno.errorcode.get(error.errno or 0, 'unknown')}") from error


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class LocalBlobWriter:
    """A file in ``incoming/``, locked by whoever writes it."""

    def __init__(self, path: Path, target: Path, handle: int) -> None:
        self._path = path
        self._target = target
        self._handle = handle
        self._offset = os.lseek(handle, 0, os.SEEK_END)

    @property
    def offset(self) -> int:
        """Bytes in the file."""
        return self._offset

    @property
    def touched(self) -> float:
        """When it was last written to (seconds since 1970), also if its name is gone meanwhile."""
        return os.fstat(self._handle).st_mtime

    def append(self, data: bytes | bytearray | memoryview) -> None:
        """Write all bytes, or none."""
        view = memoryview(data)
        written = 0
        try:
            with _translated():
                while written < len(view):
                    written += os.write(self._handle, view[written:])
        except StoreFull:
            with _translated():
                os.ftruncate(self._handle, self._offset)
                os.lseek(self._handle, self._offset, os.SEEK_SET)
            raise
        self._offset += written

    def commit(self) -> None:
        """Sync the file, move it into its hour's folder, sync that."""
        with _translated():
            # When somebody left something is nobody's business.
            os.utime(self._handle, (0, 0))
            os.fsync(self._handle)
            folder = self._target.parent
            while True:
                if not folder.exists():
                    folder.mkdir(mode=0o700, exist_ok=True)
                    _sync_folder(folder.parent)
                try:
                    self._path.rename(self._target)
                    _sync_folder(folder)
                except FileNotFoundError:
                    # Whoever deleted the hour's only other blob took the folder along. But a sweep may have taken
                    # the file itself, whose hour has come.
                    if os.fstat(self._handle).st_nlink == 0:
                        raise
                else:
                    return

    def close(self) -> None:
        """Close the file; one that cannot be resumed goes."""
        if self._handle < 0:
            return
        if self._path.suffix == _ONCE:
            # A file that will not go now goes with the next sweep: nobody holds its lock any more.
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
        os.close(self._handle)
        self._handle = -1


class LocalBlobReader:
    """An open file."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._size = os.fstat(handle).st_size

    @property
    def size(self) -> int:
        """Bytes of the file when it was opened."""
        return self._size

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """Read at an offset, without a shared position."""
        done = 0
        with _translated():
            while done < len(buffer):
                count = os.preadv(self._handle, [buffer[done:]], offset + done)
                if count == 0:
                    break
                done += count
        return done

    def close(self) -> None:
        """Close the file."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


class LocalBlobStore:
    """A blob store in a folder of its own.

    Args:
        root: The data folder. ``blobs``, ``incoming`` and ``due`` are made in it.

    Raises:
        StoreUnavailable: the folders cannot be made.
    """

    def __init__(self, root: Path) -> None:
        self._blobs, self._incoming, self._due = (root / name for name in ("blobs", "incoming", "due"))
        with _translated():
            for folder in (self._blobs, self._incoming, self._due):
                folder.mkdir(mode=0o700, exist_ok=True)

    def _target(self, name: BlobName) -> Path:
        return self._blobs / name[:PREFIX_LENGTH] / name

    def begin(self, name: BlobName, *, resumable: bool) -> LocalBlobWriter:
        """Create the file, locked."""
        path = self._incoming / (name + (_RESUMABLE if resumable else _ONCE))
        with _translated():
            while True:
                writer = self._locked(path, os.O_CREAT | os.O_EXCL)
                if writer is not None:
                    return writer

    def resume(self, name: BlobName) -> LocalBlobWriter | None:
        """Open an unfinished file again, unless somebody has it."""
        with _translated():
            return self._locked(self._incoming / (name + _RESUMABLE), 0)

    def _locked(self, path: Path, flags: int) -> LocalBlobWriter | None:
        try:
            handle = os.open(path, os.O_RDWR | os.O_APPEND | flags, 0o600)
        except FileNotFoundError:
            if flags:
                raise
            return None
        try:
            # A file of our own making can only be locked by a sweep that looks at it, which is over in a moment.
            fcntl.flock(handle, fcntl.LOCK_EX if flags else fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A sweep may have had the lock, and removed the file, since it was opened.
            if os.fstat(handle).st_nlink:
                return LocalBlobWriter(path, self._target(BlobName(path.stem)), handle)
        except BlockingIOError:
            pass
        os.close(handle)
        return None

    def open(self, name: BlobName) -> LocalBlobReader | None:
        """Open the file for reading."""
        with _translated():
            try:
                return LocalBlobReader(os.open(self._target(name), os.O_RDONLY))
            except FileNotFoundError:
                return None

    def delete(self, name: BlobName) -> None:
        """Unlink whatever there is of it, and the hour's folder once it is empty."""
        target = self._target(name)
        with _translated():
            for suffix in (_RESUMABLE, _ONCE):
                (self._incoming / (name + suffix)).unlink(missing_ok=True)
            target.unlink(missing_ok=True)
            # Not empty, gone already, or about to be filled again: all fine.
            with contextlib.suppress(OSError):
                target.parent.rmdir()

    def expiring_before(self, hour: Hour) -> Iterator[BlobName]:
        """Look into the folders of those hours alone, and at the unfinished files."""
        limit = hour_prefix(hour)
        with _translated():
            folders = [path for path in self._blobs.iterdir() if path.name < limit]
            for folder in folders:
                yield from (BlobName(path.name) for path in folder.iterdir())
                with contextlib.suppress(OSError):
                    folder.rmdir()
            yield from (BlobName(path.stem) for path in self._incoming.iterdir() if path.name < limit)

    def mark_due(self, name: BlobName, hour: Hour) -> None:
        """Make an empty file whose name says it."""
        with _translated():
            marker = self._due / f"{hour_prefix(hour)}~{name}"
            marker.touch(mode=0o600)
            os.utime(marker, (0, 0))

    def due_before(self, hour: Hour) -> Iterator[BlobName]:
        """Read the markers' names."""
        with _translated():
            yield from (BlobName(marker.name.partition("~")[2]) for marker in self._markers_before(hour))

    def clear_due_before(self, hour: Hour) -> None:
        """Unlink those markers."""
        with _translated():
            for marker in self._markers_before(hour):
                marker.unlink(missing_ok=True)

    def _markers_before(self, hour: Hour) -> list[Path]:
        return [marker for marker in self._due.iterdir() if marker.name < hour_prefix(hour)]

    def drop_unfinished(self, older_than: float) -> int:
        """Unlink files in ``incoming/`` whose lock is free: the ``.once`` ones, and the others by their age."""
        dropped = 0
        with _translated():
            for path in list(self._incoming.iterdir()):
                writer = self._locked(path, 0)
                if writer is None:
                    continue
                try:
                    if path.suffix == _ONCE or writer.touched < older_than:
                        path.unlink(missing_ok=True)
                        dropped += 1
                finally:
                    writer.close()
        return dropped

    def check(self) -> None:
        """Make a file and take it away again. A full disk answers too."""
        probe = self._incoming / f"check-{os.getpid()}{_ONCE}"
        with _translated():
            probe.touch(mode=0o600)
            probe.unlink(missing_ok=True)

    def free(self) -> int:
        """What the file system has for this user."""
        with _translated():
            figures = os.statvfs(self._blobs)
        return figures.f_bavail * figures.f_frsize

    def used(self) -> int:
        """The sizes of all files, added up."""
        total = 0
        with _translated():
            for hour in self._blobs.iterdir():
                with contextlib.suppress(FileNotFoundError):
                    total += sum(_size_of(path) for path in hour.iterdir())
            total += sum(_size_of(path) for path in self._incoming.iterdir())
        return total


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
