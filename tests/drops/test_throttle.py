"""Waiting after wrong passwords, counted over threads, processes and what the clock says."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from dropbox_app.counters.shared import SharedMemoryStorage
from dropbox_app.drops.file_ids import new_file_id
from dropbox_app.drops.throttle import FREE_TRIES, Throttle
from dropbox_app.errors import Throttled
from dropbox_app.model import Hour
from tests.drops.world import Clock, output_of, start_program

KEY = b"k" * 32
ID = new_file_id(Hour(495_000), lambda count: b"\x11" * count)
OTHER = new_file_id(Hour(495_000), lambda count: b"\x12" * count)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time that throttle and counters see."""
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    return clock


@pytest.fixture
def throttle(tmp_path: Path) -> Throttle:
    """A throttle on the machine's shared counters."""
    return Throttle(SharedMemoryStorage(tmp_path / "counters"), KEY)


def tells(throttle: Throttle, count: int) -> None:
    """So many wrong answers are told."""
    for _ in range(count):
        throttle.check(ID)
        throttle.wrong(ID)


def waits(throttle: Throttle) -> int:
    """A try has to wait; returns how long."""
    with pytest.raises(Throttled) as wait:
        throttle.check(ID)
    return wait.value.retry_after


def test_ten_wrong_answers_are_free(throttle: Throttle, clock: Clock) -> None:
    """Nine change nothing; after the tenth every try waits 30 seconds, and other drops do not."""
    tells(throttle, FREE_TRIES - 1)
    throttle.check(ID)
    tells(throttle, 1)
    assert waits(throttle) == 30
    throttle.check(OTHER)
    clock.now += 29.5
    assert waits(throttle) == 1
    clock.now += 0.5
    throttle.check(ID)


def test_waits_double_up_to_ten_minutes(throttle: Throttle, clock: Clock) -> None:
    """Each further wrong answer doubles the wait: 30, 60, 120, 240, 480, 600, 600 seconds."""
    tells(throttle, FREE_TRIES - 1)
    seen = []
    for _ in range(7):
        tells(throttle, 1)
        seen.append(waits(throttle))
        clock.now += seen[-1]
    assert seen == [30, 60, 120, 240, 480, 600, 600]


def test_tries_while_waiting_do_not_lengthen_it(throttle: Throttle, clock: Clock) -> None:
    """A try during the wait is refused, right or wrong, and counts for nothing."""
    tells(throttle, FREE_TRIES)
    for second in range(30):
        assert waits(throttle) == 30 - second
        with pytest.raises(Throttled):
            throttle.wrong(ID)
        clock.now += 1
    tells(throttle, 1)
    assert waits(throttle) == 60


def test_wrong_answers_are_forgotten(throttle: Throttle, clock: Clock) -> None:
    """Nine wrong answers, ten minutes of rest, nine more: nobody waits."""
    tells(throttle, FREE_TRIES - 1)
    clock.now += 601
    tells(throttle, FREE_TRIES - 1)
    throttle.check(ID)


def test_old_waits_are_forgotten(throttle: Throttle, clock: Clock) -> None:
    """An hour later it begins anew, with ten free tries and 30 seconds."""
    tells(throttle, FREE_TRIES)
    clock.now += 30
    tells(throttle, 1)
    assert waits(throttle) == 60
    clock.now += 3601
    tells(throttle, FREE_TRIES - 1)
    throttle.check(ID)
    tells(throttle, 1)
    assert waits(throttle) == 30


def test_several_workers_count_together(tmp_path: Path, clock: Clock) -> None:
    """Two throttles on two storages of one file take turns: after ten in all, both wait, and for the same time."""
    one, two = (Throttle(SharedMemoryStorage(tmp_path / "counters"), KEY) for _ in range(2))
    for _ in range(5):
        tells(one, 1)
        tells(two, 1)
    assert waits(one) == waits(two) == 30
    clock.now += 30
    tells(one, 1)
    assert waits(one) == waits(two) == 60


def test_other_processes_count_too(tmp_path: Path) -> None:
    """Four processes with 25 wrong answers each, at once: ten are told, and the rest of them wait."""
    program = """
import sys
from pathlib import Path
from dropbox_app.counters.shared import SharedMemoryStorage
from dropbox_app.drops.throttle import Throttle
from dropbox_app.errors import Throttled
from dropbox_app.model import FileId
throttle, told = Throttle(SharedMemoryStorage(Path(sys.argv[1])), b"k" * 32), 0
for _ in range(25):
    try:
        throttle.check(FileId(sys.argv[2]))
        throttle.wrong(FileId(sys.argv[2]))
        told += 1
    except Throttled:
        pass
print(told)
"""
    processes = [start_program(program, tmp_path / "counters", ID) for _ in range(4)]
    assert sum(int(output_of(process)) for process in processes) == FREE_TRIES
    with pytest.raises(Throttled):
        Throttle(SharedMemoryStorage(tmp_path / "counters"), KEY).check(ID)


@pytest.mark.parametrize("round_", range(3))
def test_a_burst_reveals_no_more_than_ten(throttle: Throttle, round_: int) -> None:
    """40 threads that have all passed the check, and all say "wrong" at once, are told so ten times, not forty."""
    start = Barrier(40)

    def wrong(_: int) -> bool:
        throttle.check(ID)
        start.wait(30)
        try:
            throttle.wrong(ID)
        except Throttled:
            return False
        return True

    with ThreadPoolExecutor(40) as pool:
        assert sum(pool.map(wrong, range(40))) == FREE_TRIES, round_
    assert 20 < waits(throttle) <= 30


def test_a_burst_after_a_wait_tells_one(throttle: Throttle, clock: Clock) -> None:
    """When the wait is over, a burst of wrong answers learns once that it is wrong, and the wait doubles once."""
    tells(throttle, FREE_TRIES)
    clock.now += 30
    start = Barrier(20)

    def wrong(_: int) -> bool:
        throttle.check(ID)
        start.wait(30)
        try:
            throttle.wrong(ID)
        except Throttled:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(wrong, range(20))) == 1
    assert waits(throttle) == 60


def test_counters_do_not_name_the_drop(throttle: Throttle, tmp_path: Path) -> None:
    """Nothing in the shared memory tells a file ID, and another key hides it otherwise."""
    tells(throttle, FREE_TRIES)
    assert ID.encode() not in (tmp_path / "counters").read_bytes()
    Throttle(SharedMemoryStorage(tmp_path / "counters"), b"K" * 32).check(ID)
