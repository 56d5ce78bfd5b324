"""A few things kept open for the next call, whichever thread it comes from."""

import contextlib
import queue
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    """Whatever has to be closed in the end."""

    def close(self) -> None:
        """Let go of it."""
        ...


T = TypeVar("T", bound=Closable)


class Idle(Generic[T]):
    """Lends things to one caller at a time, makes more when all are lent, and keeps a few that came back.

    Args:
        make: Makes one.
        most: How many are kept while nobody uses them.
    """

    def __init__(self, make: Callable[[], T], most: int) -> None:
        self._make = make
        self._kept: queue.LifoQueue[T] = queue.LifoQueue(most)

    @contextlib.contextmanager
    def borrow(self) -> Iterator[T]:
        """Lend one. After an error it is closed, since nobody knows in what state it is."""
        try:
            thing = self._kept.get_nowait()
        except queue.Empty:
            thing = self._make()
        try:
            yield thing
        except BaseException:
            thing.close()
            raise
        try:
            self._kept.put_nowait(thing)
        except queue.Full:
            thing.close()

    def close(self) -> None:
        """Close what is kept."""
        while not self._kept.empty():
            self._kept.get_nowait().close()
