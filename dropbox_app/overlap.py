"""Two small ways to let reading, sealing and writing run side by side.

Each is one thread and a few buffers that are used over and over: memory does not grow with what passes through, and
no byte is copied to hand it over. The calls that take the time (reading, sealing, writing) release the interpreter.
"""

import queue
import threading
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Self

BEHIND = 2
"""Jobs that may be on their way while the next one is prepared: a maker needs one buffer more than this."""


class Conveyor:
    """Does jobs one after another in a thread of its own, never more than `BEHIND` behind.

    Once `put` has returned, all jobs but the last `BEHIND` are done. Leaving its ``with`` block by an error skips the
    jobs that have not begun; either way no job runs any more afterwards.
    """

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._places = threading.Semaphore(BEHIND)
        self._error: BaseException | None = None
        self._abandoned = False
        self._thread = threading.Thread(target=self._run, name="conveyor", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._abandoned = kind is not None
        self._jobs.put(None)
        self._thread.join()
        if kind is None and self._error is not None:
            raise self._error

    def put(self, job: Callable[[], None]) -> None:
        """Hand over a job; waits while too many are on their way.

        Raises:
            Exception: whatever an earlier job raised.
        """
        self._places.acquire()
        if self._error is not None:
            self._places.release()
            raise self._error
        self._jobs.put(job)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            if self._error is None and not self._abandoned:
                try:
                    job()
                except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits for it
                    self._error = error
            self._places.release()


def read_ahead(fill: Callable[[memoryview], int], size: int) -> Generator[memoryview, None, None]:
    """Yield what ``fill`` puts into buffers, while it already fills the next ones in a thread of its own.

    Args:
        fill: Writes into the buffer and returns how many bytes; 0 at the end. Called in order, by one thread.
        size: Bytes of a buffer.

    Yields:
        The filled part of a buffer, valid until the next one is asked for.

    Raises:
        Exception: whatever ``fill`` raised, after everything that it gave before.
    """
    filled: queue.SimpleQueue[memoryview | BaseException | None] = queue.SimpleQueue()
    free: queue.SimpleQueue[memoryview | None] = queue.SimpleQueue()

    stopped = threading.Event()

    def run() -> None:
        try:
            while (buffer := free.get()) is not None and not stopped.is_set():
                count = fill(buffer)
                if not count:
                    break
                filled.put(buffer[:count])
            filled.put(None)
        except BaseException as error:  # noqa: BLE001 - raised again by the generator
            filled.put(error)

    buffers = [memoryview(bytearray(size)) for _ in range(BEHIND + 1)]
    for buffer in buffers:
        free.put(buffer)
    thread = threading.Thread(target=run, name="read-ahead", daemon=True)
    thread.start()
    try:
        while (piece := filled.get()) is not None:
            if isinstance(piece, BaseException):
                raise piece
            yield piece
            free.put(memoryview(piece.obj))
    finally:
        stopped.set()
        free.put(None)
        thread.join()
