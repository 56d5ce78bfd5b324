"""What every registry does: the suite that each back end's own test file inherits."""

import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from dropbox_app.drops.file_ids import new_file_id
from dropbox_app.drops.stores import Registry
from dropbox_app.errors import DropExists
from dropbox_app.model import FileId, Hour, Record, hour_of

HOUR = Hour(hour_of(time.time()) + 24)
RECORD = Record("$argon2id$proof", "$argon2id$owner")


def an_id(hour: Hour = HOUR) -> FileId:
    """A file ID that no other test has."""
    return new_file_id(hour, secrets.token_bytes)


class RegistryContract:
    """Inherit, and give a fixture ``registry``."""

    def test_finds_what_was_added(self, registry: Registry) -> None:
        """A record comes back as it was; another ID finds nothing."""
        file_id = an_id()
        registry.add(file_id, RECORD, 3)
        assert registry.find(file_id) == RECORD
        assert registry.find(an_id()) is None
        registry.remove(file_id)

    def test_adding_twice_changes_nothing(self, registry: Registry) -> None:
        """A second record of one ID is refused, and tickets that were taken stay taken."""
        file_id = an_id()
        registry.add(file_id, RECORD, 2)
        assert registry.take_ticket(file_id)
        with pytest.raises(DropExists):
            registry.add(file_id, Record("other", "other"), 50)
        assert registry.find(file_id) == RECORD
        assert registry.downloads_left(file_id) == 1
        registry.remove(file_id)

    def test_tickets_run_out(self, registry: Registry) -> None:
        """There are exactly as many tickets as were asked for."""
        file_id = an_id()
        registry.add(file_id, RECORD, 3)
        assert [registry.downloads_left(file_id) for _ in range(3) if registry.take_ticket(file_id)] == [2, 1, 0]
        assert not registry.take_ticket(file_id)
        assert registry.find(file_id) == RECORD
        registry.remove(file_id)

    def test_without_a_limit_tickets_last(self, registry: Registry) -> None:
        """A drop without a limit gives tickets for ever."""
        file_id = an_id()
        registry.add(file_id, RECORD, None)
        assert all(registry.take_ticket(file_id) for _ in range(5))
        assert registry.downloads_left(file_id) is None
        registry.remove_tickets(file_id)
        assert not registry.take_ticket(file_id)
        assert registry.downloads_left(file_id) == 0
        registry.remove(file_id)

    def test_unknown_ids_have_nothing(self, registry: Registry) -> None:
        """No tickets, no record, and removing what is not there is no error."""
        file_id = an_id()
        assert registry.downloads_left(file_id) == 0
        assert not registry.take_ticket(file_id)
        registry.remove_tickets(file_id)
        registry.remove(file_id)

    def test_removing_takes_everything(self, registry: Registry) -> None:
        """After removal neither record nor tickets are left, and the ID could be added again."""
        file_id = an_id()
        registry.add(file_id, RECORD, 2)
        registry.remove(file_id)
        assert registry.find(file_id) is None
        assert registry.downloads_left(file_id) == 0
        registry.add(file_id, RECORD, 1)
        assert registry.downloads_left(file_id) == 1
        registry.remove(file_id)

    def test_each_ticket_goes_to_one(self, registry: Registry) -> None:
        """16 threads at 100 tickets of one drop: exactly 100 of 400 tries succeed."""
        file_id = an_id()
        registry.add(file_id, RECORD, 100)
        start = threading.Barrier(16)

        def claim() -> int:
            start.wait()
            return sum(registry.take_ticket(file_id) for _ in range(25))

        with ThreadPoolExecutor(16) as pool:
            assert sum(pool.map(lambda _: claim(), range(16))) == 100
        assert registry.downloads_left(file_id) == 0
        registry.remove(file_id)

    def test_adding_one_id_from_many_sides(self, registry: Registry) -> None:
        """Of many who add the same ID at once, exactly one succeeds."""
        file_id = an_id()

        def add(_: int) -> bool:
            try:
                registry.add(file_id, RECORD, 5)
            except DropExists:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(add, range(8))) == 1
        assert registry.downloads_left(file_id) == 5
        registry.remove(file_id)

    def test_expiry_by_range(self, registry: Registry) -> None:
        """Records and tickets of earlier hours go, later ones stay, and the records are counted."""
        early, late = an_id(Hour(HOUR - 30)), an_id(Hour(HOUR - 10))
        for file_id in (early, late):
            registry.add(file_id, RECORD, 2)
        assert registry.remove_expiring_before(Hour(HOUR - 10)) == 1
        assert registry.find(early) is None
        assert registry.downloads_left(early) == 0
        assert registry.downloads_left(late) == 2
        assert registry.remove_expiring_before(Hour(HOUR - 9)) == 1

    def test_lists_one_hour(self, registry: Registry) -> None:
        """The IDs of one hour, and no others."""
        here, before, after = (an_id(Hour(HOUR + shift)) for shift in (5, 4, 6))
        for file_id in (here, before, after):
            registry.add(file_id, RECORD, None)
        assert list(registry.expiring_in(Hour(HOUR + 5))) == [here]
        for file_id in (here, before, after):
            registry.remove(file_id)

    def test_check_answers(self, registry: Registry) -> None:
        """A healthy registry says nothing."""
        registry.check()
