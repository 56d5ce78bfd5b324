"""What all workers and services on one machine share: a folder in memory, one for each data folder.

Counters and hashing slots live here, so that they hold for every process that serves the same drops and are gone
with the machine's memory. Nothing of it is on a disk, where the system has a file system in memory.
"""

import contextlib
import fcntl
import hashlib
import os
import stat
import tempfile
import time
from pathlib import Path

from dropbox_app.errors import TwinlockError

_POLL = 0.02
_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - checked to be ours below


class SharedFolder:
    """A folder for this user and this data folder, open to this user alone.

    It stays as long as one process has it open; whoever closes it last takes it away.

    Args:
        data_dir: The data folder, which must exist.

    Raises:
        TwinlockError: somebody else has put something in its place.
    """

    def __init__(self, data_dir: Path) -> None:
        key = hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:16]
        parent = _IN_MEMORY if os.access(_IN_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
        self.path = parent / f"twinlock-{os.getuid()}-{key}"
        while True:
            with contextlib.suppress(FileExistsError):
                self.path.mkdir(mode=0o700)
            try:
                found = self.path.lstat()
            except FileNotFoundError:
                continue
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
                raise TwinlockError(f"{self.path} is not a folder of this user alone; remove it")
            try:
                self._lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
            except FileNotFoundError:
                continue
            fcntl.flock(self._lock, fcntl.LOCK_SH)
            # Its last user may have removed the folder between the two calls.
            if os.fstat(self._lock).st_nlink:
                return
            os.close(self._lock)

    def close(self, patience: float = 0.0) -> None:
        """Let go of the folder, and remove it if nobody else has it open.

        Args:
            patience: Seconds to wait for others who are just ending.
        """
        deadline = time.monotonic() + patience
        while not self._is_last():
            if time.monotonic() >= deadline:
                os.close(self._lock)
                return
            time.sleep(_POLL)
        for entry in self.path.iterdir():
            entry.unlink(missing_ok=True)
        self.path.rmdir()
        os.close(self._lock)

    def _is_last(self) -> bool:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
