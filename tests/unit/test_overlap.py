"""Reading, sealing and writing side by side: order, errors, and nothing left behind."""

import gc
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dropbox_app.overlap import BEHIND, Conveyor, read_ahead


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    """After every test the threads are those of before."""
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


class Mistake(Exception):
    """What goes wrong in these tests."""


class TestConveyor:
    """Jobs in a thread."""

    def test_order(self) -> None:
        """Jobs are done one at a time, in the order in which they were put, all of them before the block ends."""
        done: list[int] = []
        with Conveyor() as conveyor:
            for number in range(200):
                conveyor.put(lambda number=number: done.append(number))  # type: ignore[misc]
        assert done == list(range(200))

    def test_in_a_thread_of_its_own(self) -> None:
        """One other thread does them all."""
        seen: list[threading.Thread] = []
        with Conveyor() as conveyor:
            for _ in range(5):
                conveyor.put(lambda: seen.append(threading.current_thread()))
        assert len(set(seen)) == 1
        assert threading.current_thread() not in seen

    def test_never_more_than_so_many_behind(self) -> None:
        """A maker that has put a job knows that all but the last two are done, so three buffers are enough."""
        done = 0

        def job() -> None:
            nonlocal done
            time.sleep(0.001)
            done += 1

        with Conveyor() as conveyor:
            for put in range(1, 60):
                conveyor.put(job)
                assert done >= put - BEHIND

    def test_an_error_in_a_job_reaches_the_maker(self) -> None:
        """A later `put` raises it, and no further job is done."""
        done: list[int] = []

        def fail() -> None:
            raise Mistake

        with pytest.raises(Mistake), Conveyor() as conveyor:  # noqa: PT012 - the block is what is tested
            conveyor.put(fail)
            for number in range(10):
                conveyor.put(lambda number=number: done.append(number))  # type: ignore[misc]
        assert done == []

    def test_an_error_in_the_last_job_reaches_the_maker(self) -> None:
        """At the end of the block at the latest."""

        def fail() -> None:
            raise Mistake

        with pytest.raises(Mistake), Conveyor() as conveyor:
            conveyor.put(fail)

    def test_an_error_of_the_maker_stops_the_jobs(self) -> None:
        """What has not begun is not done any more, what has begun ends first, and the maker's error shows."""
        done: list[int] = []
        begun = threading.Event()

        def first() -> None:
            begun.set()
            time.sleep(0.05)
            done.append(1)

        with pytest.raises(Mistake), Conveyor() as conveyor:  # noqa: PT012 - the block is what is tested
            conveyor.put(first)
            conveyor.put(lambda: done.append(2))
            begun.wait()
            raise Mistake
        assert done == [1]

    def test_putting_again_after_an_error_does_not_hang(self) -> None:
        """However often a maker tries after a job has failed, it is told of the error."""

        def fail() -> None:
            raise Mistake

        def insist(conveyor: Conveyor) -> None:
            for _ in range(10):
                with pytest.raises(Mistake):
                    conveyor.put(fail)

        with pytest.raises(Mistake), Conveyor() as conveyor:  # noqa: PT012 - the block is what is tested
            conveyor.put(fail)
            time.sleep(0.05)
            insisting = threading.Thread(target=insist, args=(conveyor,), daemon=True)
            insisting.start()
            insisting.join(2)
            stuck = insisting.is_alive()
            for _ in range(10 * stuck):
                conveyor._places.release()
            insisting.join()
            assert not stuck

    def test_nothing_to_do(self) -> None:
        """A block without a job ends."""
        with Conveyor():
            pass


def filling(pieces: list[bytes]) -> Callable[[memoryview], int]:
    """A fill that gives these pieces, one a call, and then the end."""
    left = list(pieces)

    def fill(buffer: memoryview) -> int:
        if not left:
            return 0
        piece = left.pop(0)
        buffer[: len(piece)] = piece
        return len(piece)

    return fill


class TestReadAhead:
    """Filled buffers, ahead of their use."""

    @given(st.lists(st.binary(min_size=1, max_size=16), max_size=20))
    def test_gives_what_was_filled(self, pieces: list[bytes]) -> None:
        """Piece by piece, in order, whole."""
        assert [bytes(piece) for piece in read_ahead(filling(pieces), 16)] == pieces

    def test_reads_ahead(self) -> None:
        """While one piece is in use the next ones are already read, but no more than there are buffers."""
        filled = threading.Semaphore(0)
        count = 0

        def fill(buffer: memoryview) -> int:
            nonlocal count
            count += 1
            buffer[0] = count
            filled.release()
            return 1

        pieces = read_ahead(fill, 1)
        next(pieces)
        for _ in range(BEHIND + 1):
            assert filled.acquire(timeout=5)
        time.sleep(0.02)
        assert count == BEHIND + 1
        pieces.close()

    def test_buffers_are_used_again(self) -> None:
        """However much passes, there are as few buffers as can be behind, and one more."""
        seen = set()
        for piece in read_ahead(filling([b"x" * 8] * 100), 8):
            assert isinstance(piece.obj, bytearray)
            seen.add(id(piece.obj))
        assert len(seen) <= BEHIND + 1

    def test_a_piece_stays_valid_until_the_next(self) -> None:
        """The buffer in use is never filled again before it was given back."""
        pieces = [bytes([number]) * 64 for number in range(100)]
        for piece, expected in zip(read_ahead(filling(pieces), 64), pieces, strict=True):
            time.sleep(0.0005)
            assert piece == expected

    def test_an_error_comes_after_what_was_good(self) -> None:
        """Everything that was filled before the error is given, then the error."""
        good = filling([b"1", b"2", b"3"])

        def fill(buffer: memoryview) -> int:
            count = good(buffer)
            if not count:
                raise Mistake
            return count

        seen: list[bytes] = []
        with pytest.raises(Mistake):
            seen.extend(bytes(piece) for piece in read_ahead(fill, 1))
        assert seen in ([b"1", b"2", b"3"], [])
        good, seen = filling([b"1", b"2", b"3"]), []
        with pytest.raises(Mistake):  # noqa: PT012 - the loop is what is tested
            for piece in read_ahead(fill, 1):
                seen.append(bytes(piece))
        assert seen == [b"1", b"2", b"3"]

    def test_closing_early(self) -> None:
        """A reader that has seen enough ends it at once, with buffers filled and with buffers free."""
        for uses in range(6):
            pieces = read_ahead(filling([b"x"] * 1000), 1)
            for _ in range(uses):
                next(pieces)
            began = time.monotonic()
            pieces.close()
            assert time.monotonic() - began < 1

    def test_a_reader_that_fails(self) -> None:
        """An error of whoever uses the pieces ends the thread too."""
        with pytest.raises(Mistake):  # noqa: PT012 - the loop is what is tested
            for _ in read_ahead(filling([b"x"] * 1000), 1):
                raise Mistake
        gc.collect()

    def test_one_that_was_never_begun(self) -> None:
        """Without a first piece being asked for, nothing is read and no thread is started."""
        asked: list[int] = []
        read_ahead(lambda _: asked.append(1) or 0, 1).close()  # type: ignore[func-returns-value]
        assert asked == []
