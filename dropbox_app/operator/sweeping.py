"""Sweeping by itself: every process of a machine offers to, and one at a time does."""

import fcntl
import logging
import os
import threading
import time
from pathlib import Path

from dropbox_app.drops.stores import BlobStore, Registry
from dropbox_app.drops.sweep import sweep
from dropbox_app.errors import TwinlockError

EVERY = 600.0
"""Seconds between two sweeps of a machine."""
_LOOK = 60.0
_log = logging.getLogger(__name__)


class Sweeping:
    """A thread that sweeps, unless another process has done so a short while ago.

    Args:
        blobs: The blob store.
        registry: The registry.
        shared: The folder that the machine's processes share: a file in it is locked while one sweeps, and tells by its
            time when that was.
    """

    def __init__(self, blobs: BlobStore, registry: Registry, shared: Path) -> None:
        self._blobs = blobs
        self._registry = registry
        self._path = shared / "sweep"
        self._thread = threading.Thread(target=self._run, name="sweeping", daemon=True)
        self._stop = threading.Event()

    def start(self) -> None:
        """Begin; the first look is at once, so that what a killed service left goes as soon as it is back."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the sweep that is under way."""
        self._stop.set()

    def _run(self) -> None:
        # The first one after a start does not ask when the last one was.
        self._sweep_once(at_least_after=1.0)
        while not self._stop.wait(_LOOK):
            self._sweep_once(at_least_after=EVERY)

    def _sweep_once(self, *, at_least_after: float) -> None:
        handle = -1
        try:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fresh = os.fstat(handle).st_size == 0
            if not fresh and time.time() - os.fstat(handle).st_mtime < at_least_after:
                return
            _log.info("swept: %s", sweep(self._blobs, self._registry, time.time()))
            os.pwrite(handle, b"1", 0)
        except BlockingIOError:
            return
        except (TwinlockError, OSError) as error:
            _log.warning("sweeping failed (%s), the next one goes on", type(error).__name__)
        finally:
            if handle >= 0:
                os.close(handle)
