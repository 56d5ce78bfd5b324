"""Counters that go on in the process's own memory while the shared ones do not answer."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from limits.storage import MemoryStorage, Storage

T = TypeVar("T")
_log = logging.getLogger(__name__)
_SAY_EVERY = 60.0


class FallbackStorage(Storage):
    """Asks the shared counters, and on their failure says so in the log and counts alone: the service goes on.

    Args:
        shared: The counters that all processes share.
    """

    STORAGE_SCHEME = None

    def __init__(self, shared: Storage) -> None:
        super().__init__()
        self._shared = shared
        self._alone = MemoryStorage()
        self._said = -_SAY_EVERY

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        """None is expected from counting alone."""
        return ()

    def _ask(self, ask: Callable[[Storage], T]) -> T:
        try:
            return ask(self._shared)
        except self._shared.base_exceptions as error:
            now = time.monotonic()
            if now - self._said >= _SAY_EVERY:
                self._said = now
                _log.warning("shared counters do not answer (%s); counting in this process alone", type(error).__name__)
            return ask(self._alone)

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to a counter."""
        return self._ask(lambda storage: storage.incr(key, expiry, amount))

    def get(self, key: str) -> int:
        """Read a counter."""
        return self._ask(lambda storage: storage.get(key))

    def get_expiry(self, key: str) -> float:
        """When a counter ends."""
        return self._ask(lambda storage: storage.get_expiry(key))

    def check(self) -> bool:
        """Whether the shared counters answer."""
        return self._shared.check()

    def reset(self) -> int | None:
        """Forget everything."""
        return self._ask(lambda storage: storage.reset())

    def clear(self, key: str) -> None:
        """Forget one counter."""
        self._ask(lambda storage: storage.clear(key))
