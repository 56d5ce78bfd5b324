"""How many transfers a process carries at once: fewer than it has threads, so that it can always answer."""

import threading

from dropbox_app.errors import Busy

MOST = 48
_RETRY_AFTER = 10


class Transfer:
    """One transfer's place, until it is closed; closing it again does nothing."""

    def __init__(self, places: threading.Semaphore) -> None:
        self._places = places
        self._open = threading.Lock()

    def close(self) -> None:
        """Give the place back."""
        if self._open.acquire(blocking=False):
            self._places.release()


class Transfers:
    """The places of one process."""

    def __init__(self) -> None:
        self._places = threading.Semaphore(MOST)

    def begin(self) -> Transfer:
        """Take a place.

        Raises:
            Busy: all are taken.
        """
        if not self._places.acquire(blocking=False):
            raise Busy(_RETRY_AFTER)
        return Transfer(self._places)
