"""Leaving, claiming, status and deletion on real stores, also when these fail."""

import os
import secrets
import sqlite3
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dropbox_app.drops.file_ids import blob_name, new_file_id
from dropbox_app.errors import (
    DamagedContainer,
    DropNotFound,
    StoreFull,
    StoreUnavailable,
    Throttled,
    WrongOwnerToken,
    WrongPasswords,
)
from dropbox_app.model import FileId, Hour, OwnerToken, hour_of
from dropbox_app.registry import sqlite
from tests.drops.world import PROOF, WRONG, Clock, World, open_world, output_of, start_program

TOKEN = OwnerToken("A" * 43)


def unknown_id(world: World) -> FileId:
    """A file ID that nobody has."""
    return new_file_id(Hour(hour_of(world.clock.now) + 2), secrets.token_bytes)


def claim(world: World, file_id: FileId, size: int = 6) -> int:
    """Claim with the right proof; returns when the grant ends."""
    found = world.drops.look_up(file_id)
    found.check_proof(PROOF)
    return found.take_ticket(size).ends


class TestLeaving:
    """A drop on its way in."""

    def test_what_was_appended_is_what_is_found(self, world: World) -> None:
        """A sealed drop is found, whole, and tells its uploader what was agreed."""
        leaving = world.drops.begin(1, 0)
        for piece in (b"one ", bytearray(b"two "), memoryview(b"three")):
            leaving.append(piece)
        left = leaving.seal(PROOF, 3)
        leaving.close()
        assert left.file_id == leaving.file_id
        assert left.downloads == 3
        # 30 minutes past one, and an hour: gone at three.
        assert left.expires == world.clock.now + 1800 + 3600
        assert world.content(left.file_id) == b"one two three"
        assert world.drops.status(left.file_id, left.owner_token).downloads_left == 3

    def test_nothing_is_there_before_it_is_sealed(self, world: World) -> None:
        """Until then nobody finds it, and the registry does not know of it."""
        leaving = world.drops.begin(1, 0)
        leaving.append(b"half")
        with pytest.raises(DropNotFound):
            world.drops.look_up(leaving.file_id)
        assert world.rows() == 0
        leaving.close()

    def test_closing_unsealed_leaves_nothing(self, world: World) -> None:
        """An upload that breaks off is gone, at once, in both stores."""
        leaving = world.drops.begin(1, 0)
        leaving.append(b"half")
        leaving.close()
        leaving.close()
        assert world.files() == []
        assert world.rows() == 0

    def test_closing_after_sealing_changes_nothing(self, world: World) -> None:
        """The usual end of an upload: sealed, then closed."""
        left = world.leave(b"sealed")
        assert world.content(left.file_id) == b"sealed"

    def test_ids_are_fresh(self, world: World) -> None:
        """Every drop has an ID of its own."""
        assert len({world.leave().file_id for _ in range(20)}) == 20

    def test_the_disk_has_to_have_room(self, world: World) -> None:
        """More than is free is refused before anything is written."""
        with pytest.raises(StoreFull):
            world.drops.begin(1, 2**62)
        assert world.files() == []

    def test_the_quota_counts_what_is_there(self, tmp_path: Path) -> None:
        """Sealed and unfinished containers count; room that was made can be used again."""
        world = open_world(tmp_path, quota=1000)
        left = world.leave(b"x" * 600)
        unfinished = world.drops.begin(1, 300)
        unfinished.append(b"y" * 300)
        world.drops.begin(1, 100).close()
        with pytest.raises(StoreFull):
            world.drops.begin(1, 101)
        unfinished.close()
        world.drops.takedown(left.file_id)
        world.drops.begin(1, 1000).close()
        world.close()

    def test_an_upload_of_unknown_length_looks_again(self, tmp_path: Path) -> None:
        """A long upload that announced nothing is stopped once it takes more than there is, and leaves nothing."""
        world = open_world(tmp_path, quota=70 * 2**20)
        leaving = world.drops.begin(1, 0)
        piece = bytes(2**22)
        with pytest.raises(StoreFull):  # noqa: PT012 - which of them fails is not promised
            for _ in range(64):
                leaving.append(piece)
        leaving.close()
        assert world.files() == []
        world.close()


class TestFailingRegistry:
    """A registry that cannot be written to when the blob is already committed."""

    @pytest.fixture(autouse=True)
    def _impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sqlite, "_LOCK_WAIT", 0.05)

    def test_a_locked_registry_leaves_no_blob(self, world: World) -> None:
        """While another process holds the write lock, sealing is an outage, and neither store keeps anything."""
        other = sqlite3.connect(world.root / "registry.sqlite3", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable):
            world.leave()
        other.execute("ROLLBACK")
        other.close()
        assert world.rows() == 0
        assert world.files() == []

    def test_a_locked_registry_leaves_nothing_to_claim(self, world: World) -> None:
        """What it leaves is no drop: never a record without a blob; and it goes with its hour at the latest."""
        other = sqlite3.connect(world.root / "registry.sqlite3", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        leaving = world.drops.begin(1, 0)
        leaving.append(b"sealed")
        with pytest.raises(StoreUnavailable):
            leaving.seal(PROOF, None)
        leaving.close()
        other.execute("ROLLBACK")
        other.close()
        with pytest.raises(DropNotFound):
            world.drops.look_up(leaving.file_id)
        assert world.rows() == 0

    def test_a_read_only_registry_leaves_no_blob(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """The same where the registry may only be read."""
        real = sqlite.sqlite3.connect  # type: ignore[attr-defined]

        def read_only(*arguments: Any, **options: Any) -> sqlite3.Connection:
            database: sqlite3.Connection = real(*arguments, **options)
            database.execute("PRAGMA query_only = ON")
            return database

        world.registry.close()
        with monkeypatch.context() as patch:
            patch.setattr(sqlite.sqlite3, "connect", read_only)  # type: ignore[attr-defined]
            with pytest.raises(StoreUnavailable):
                world.leave()
        world.registry.close()
        assert world.files() == []

    def test_a_registry_that_is_gone(self, world: World) -> None:
        """A registry whose file is missing is an outage, and is not made anew and empty by it."""
        for path in world.root.glob("registry.sqlite3*"):
            path.unlink()
        with pytest.raises(StoreUnavailable):
            world.leave()
        with pytest.raises(StoreUnavailable):
            world.drops.look_up(unknown_id(world))
        assert list(world.root.glob("registry.sqlite3*")) == []

    def test_an_insert_whose_answer_was_lost(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """If the record was written although the registry said it failed, record, tickets and blob go together."""
        real = sqlite.SqliteRegistry.add

        def add(registry: sqlite.SqliteRegistry, *arguments: object) -> None:
            real(registry, *arguments)  # type: ignore[arg-type]
            raise StoreUnavailable("the answer was lost")

        with monkeypatch.context() as patch:
            patch.setattr(sqlite.SqliteRegistry, "add", add)
            with pytest.raises(StoreUnavailable):
                world.leave(downloads=3)
        assert world.rows() == 0
        assert world.files() == []

    def test_an_outage_is_never_absence(self, world: World) -> None:
        """With a damaged registry, looking up, claiming, status and deletion all say so, and nothing is deleted."""
        left = world.leave(downloads=1)
        world.close()
        for path in world.root.glob("registry.sqlite3*"):
            path.write_bytes(b"damaged " * 4096)
        for ask in (
            lambda: world.drops.look_up(left.file_id),
            lambda: world.drops.take_ticket(left.file_id, 6),
            lambda: world.drops.status(left.file_id, left.owner_token),
            lambda: world.drops.delete(left.file_id, left.owner_token),
            lambda: world.drops.takedown(left.file_id),
        ):
            with pytest.raises(StoreUnavailable):
                ask()
        assert world.files() == [blob_name(left.file_id)]


class TestClaiming:
    """Right and wrong proofs, and tickets."""

    def test_tickets_run_out(self, world: World) -> None:
        """Three downloads are three, and then the drop is not found."""
        left = world.leave(downloads=3)
        for _ in range(3):
            claim(world, left.file_id)
        with pytest.raises(DropNotFound):
            claim(world, left.file_id)

    def test_a_lost_race_is_not_found(self, world: World) -> None:
        """Two who found the last ticket: the second one to take it is told that there is no drop."""
        left = world.leave(downloads=1)
        one, two = world.drops.look_up(left.file_id), world.drops.look_up(left.file_id)
        one.take_ticket(6)
        with pytest.raises(DropNotFound):
            two.take_ticket(6)

    def test_no_limit(self, world: World) -> None:
        """Without a limit there is always one more."""
        left = world.leave(downloads=None)
        for _ in range(5):
            claim(world, left.file_id)
        assert world.drops.status(left.file_id, left.owner_token).downloads_left is None
        assert world.files() == [blob_name(left.file_id)]

    def test_a_wrong_proof_costs_no_ticket(self, world: World) -> None:
        """It is told, counted, and takes nothing."""
        left = world.leave(downloads=1)
        for _ in range(9):
            with pytest.raises(WrongPasswords):
                world.drops.look_up(left.file_id).check_proof(WRONG)
        claim(world, left.file_id)

    def test_right_ones_wait_too(self, world: World) -> None:
        """After ten wrong ones the right one waits, wherever it comes: before, or with the drop already found."""
        left = world.leave(downloads=1)
        early = world.drops.look_up(left.file_id)
        for _ in range(10):
            with pytest.raises(WrongPasswords):
                world.drops.look_up(left.file_id).check_proof(WRONG)
        with pytest.raises(Throttled):
            world.drops.look_up(left.file_id)
        for proof in (PROOF, WRONG):
            with pytest.raises(Throttled):
                early.check_proof(proof)
        assert world.drops.status(left.file_id, left.owner_token).downloads_left == 1

    def test_waiting_is_not_told_of_what_is_not_there(self, world: World) -> None:
        """A drop that waits and is then deleted is not found, like any other."""
        left = world.leave(downloads=1)
        for _ in range(10):
            with pytest.raises(WrongPasswords):
                world.drops.look_up(left.file_id).check_proof(WRONG)
        world.drops.delete(left.file_id, left.owner_token)
        with pytest.raises(DropNotFound):
            world.drops.look_up(left.file_id)

    def test_grants_last_an_hour_at_least(self, world: World) -> None:
        """An hour, or what the container takes at 64 KiB a second."""
        left = world.leave(downloads=None)
        assert claim(world, left.file_id) == int(world.clock.now) + 3600
        assert claim(world, left.file_id, 5 * 2**30) == int(world.clock.now) + 81_920

    def test_the_last_ticket_marks_the_blob_as_due(self, world: World) -> None:
        """Only the last one does; the mark names an hour that begins after the grant has ended; the record stays."""
        left = world.leave(downloads=2)
        claim(world, left.file_id)
        assert len(world.files()) == 1
        ends = claim(world, left.file_id)
        name = blob_name(left.file_id)
        assert list(world.blobs.due_before(Hour(hour_of(ends) + 1))) == []
        assert list(world.blobs.due_before(Hour(hour_of(ends) + 2))) == [name]
        assert world.drops.status(left.file_id, left.owner_token).downloads_left == 0

    @pytest.mark.parametrize("failure", [StoreUnavailable, StoreFull])
    def test_a_mark_that_fails_costs_nothing(
        self, world: World, monkeypatch: pytest.MonkeyPatch, failure: Callable[[str], Exception]
    ) -> None:
        """The ticket is taken, so the download is given, whether or not the blob store can take a mark."""
        left = world.leave(downloads=1)

        def fail(*_: object) -> None:
            raise failure("no")

        monkeypatch.setattr(world.blobs, "mark_due", fail)
        assert claim(world, left.file_id) == int(world.clock.now) + 3600
        with pytest.raises(DropNotFound):
            claim(world, left.file_id)

    def test_a_folder_for_marks_that_is_gone(self, world: World) -> None:
        """The same with a real failure: the folder of the marks is not there."""
        left = world.leave(downloads=1)
        (world.root / "due").rmdir()
        claim(world, left.file_id)

    def test_a_record_that_lost_its_blob_is_damaged(self, world: World) -> None:
        """It is said to be damaged, not to be away: something is wrong with the store."""
        left = world.leave()
        found = world.drops.look_up(left.file_id)
        world.blobs.delete(blob_name(left.file_id))
        with pytest.raises(DamagedContainer):
            found.open()

    def test_deleted_between_finding_and_opening(self, world: World) -> None:
        """A drop that its owner deletes at this very moment is not found."""
        left = world.leave()
        found = world.drops.look_up(left.file_id)
        world.drops.takedown(left.file_id)
        with pytest.raises(DropNotFound):
            found.open()

    def test_five_tickets_forty_claimers(self, world: World) -> None:
        """In four processes with ten threads each, through all the rules: exactly five succeed."""
        left = world.leave(downloads=5)
        program = textwrap.dedent("""
            import sys
            from concurrent.futures import ThreadPoolExecutor
            from pathlib import Path
            from drops.world import PROOF, Clock, open_world
            from dropbox_app.errors import DropNotFound
            world = open_world(Path(sys.argv[1]), Clock())

            def claim(_):
                try:
                    found = world.drops.look_up(sys.argv[2])
                    found.check_proof(PROOF)
                    found.take_ticket(6)
                except DropNotFound:
                    return 0
                return 1

            with ThreadPoolExecutor(10) as pool:
                print(sum(pool.map(claim, range(10))))
            world.close()
        """)
        processes = [start_program(program, world.root, left.file_id) for _ in range(4)]
        assert sum(int(output_of(process)) for process in processes) == 5
        assert world.drops.status(left.file_id, left.owner_token).downloads_left == 0
        assert len(world.files()) == 2


def _exhausted(world: World) -> FileId:
    left = world.leave(downloads=1)
    claim(world, left.file_id)
    return left.file_id


def _deleted(world: World) -> FileId:
    left = world.leave(downloads=1)
    world.drops.delete(left.file_id, left.owner_token)
    return left.file_id


def _taken_down(world: World) -> FileId:
    left = world.leave()
    assert world.drops.takedown(left.file_id)
    return left.file_id


def _expired(world: World) -> FileId:
    left = world.leave()
    world.clock.now = left.expires
    return left.file_id


@pytest.mark.parametrize("gone", [unknown_id, _exhausted, _deleted, _taken_down, _expired])
def test_what_is_gone_looks_alike(world: World, gone: Callable[[World], FileId]) -> None:
    """Unknown, used up, deleted, taken down and expired drops give one and the same error, without a word more."""
    with pytest.raises(DropNotFound) as error:
        world.drops.look_up(gone(world))
    assert error.value.args == ()
    assert error.value.__cause__ is None


def test_expiry_is_to_the_second(world: World) -> None:
    """A moment before its hour a drop can be claimed, on the hour it cannot, for its owner neither."""
    left = world.leave(downloads=2)
    world.clock.now = left.expires - 0.001
    claim(world, left.file_id)
    world.clock.now = left.expires
    with pytest.raises(DropNotFound):
        claim(world, left.file_id)
    with pytest.raises(DropNotFound):
        world.drops.status(left.file_id, left.owner_token)
    with pytest.raises(DropNotFound):
        world.drops.delete(left.file_id, left.owner_token)


def test_an_expired_id_does_not_ask_the_registry(world: World) -> None:
    """What has expired is refused even while the registry is away."""
    left = world.leave()
    world.close()
    (world.root / "registry.sqlite3").write_bytes(b"damaged")
    world.clock.now = left.expires
    with pytest.raises(DropNotFound):
        world.drops.look_up(left.file_id)


class TestOwner:
    """What the owner token is good for."""

    def test_status_counts_down(self, world: World) -> None:
        """Expiry and downloads left, down to none."""
        left = world.leave(downloads=2)
        seen = [world.drops.status(left.file_id, left.owner_token)]
        for _ in range(2):
            claim(world, left.file_id)
            seen.append(world.drops.status(left.file_id, left.owner_token))
        assert [one.downloads_left for one in seen] == [2, 1, 0]
        assert {one.expires for one in seen} == {left.expires}

    @pytest.mark.parametrize("token", ["", TOKEN, "x", "\N{SNOWMAN}", "\0"])
    def test_a_wrong_token(self, world: World, token: str) -> None:
        """It sees nothing and deletes nothing; another drop's token is a wrong one."""
        left, other = world.leave(downloads=1), world.leave()
        for wrong in (token, other.owner_token, left.owner_token + "A", left.owner_token.lower()):
            with pytest.raises(WrongOwnerToken):
                world.drops.status(left.file_id, wrong)
            with pytest.raises(WrongOwnerToken):
                world.drops.delete(left.file_id, wrong)
        claim(world, left.file_id)

    def test_deleting(self, world: World) -> None:
        """Both stores forget, marks aside, and the other drop stays."""
        left, other = world.leave(downloads=100), world.leave(b"other")
        world.drops.delete(left.file_id, left.owner_token)
        assert world.files() == [blob_name(other.file_id)]
        assert world.rows() == 2
        with pytest.raises(DropNotFound):
            world.drops.delete(left.file_id, left.owner_token)
        assert world.content(other.file_id) == b"other"

    def test_deleting_what_is_used_up(self, world: World) -> None:
        """A used-up drop can still be deleted by its owner."""
        left = world.leave(downloads=1)
        claim(world, left.file_id)
        world.drops.delete(left.file_id, left.owner_token)
        assert world.rows() == 0

    def test_a_reader_is_not_disturbed(self, world: World) -> None:
        """Who has opened the drop reads it to its end although it is deleted meanwhile."""
        left = world.leave(b"sealed")
        reader = world.drops.look_up(left.file_id).open()
        world.drops.delete(left.file_id, left.owner_token)
        buffer = bytearray(6)
        reader.read_into(0, memoryview(buffer))
        reader.close()
        assert buffer == b"sealed"

    def test_tokens_outlive_a_change_of_the_secret(self, world: World) -> None:
        """With another SECRET_KEY the old drop's token still shows and deletes it."""
        left = world.leave(downloads=4)
        changed = open_world(world.root, Clock(), "quite another secret of thirty-two characters")
        assert changed.drops.status(left.file_id, left.owner_token).downloads_left == 4
        changed.drops.delete(left.file_id, left.owner_token)
        assert world.rows() == 0
        changed.close()

    def test_takedown_needs_no_token(self, world: World) -> None:
        """It tells whether there was such a drop, and doing it again is no error."""
        left = world.leave()
        assert world.drops.takedown(left.file_id)
        assert not world.drops.takedown(left.file_id)
        assert not world.drops.takedown(unknown_id(world))
        assert world.files() == []
        assert world.rows() == 0

    def test_a_takedown_that_fails_can_be_repeated(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """If the blob cannot be deleted, nobody can claim the drop any more, and the next takedown ends the work."""
        left = world.leave()
        folder = world.root / "incoming"
        moved = folder.rename(world.root / "moved")
        monkeypatch.setattr(os, "unlink", lambda *_, **__: (_ for _ in ()).throw(OSError(5, "no")))
        with pytest.raises(StoreUnavailable):
            world.drops.takedown(left.file_id)
        monkeypatch.undo()
        moved.rename(folder)
        with pytest.raises(DropNotFound):
            world.drops.look_up(left.file_id)
        assert world.drops.takedown(left.file_id)
        assert world.files() == []
        assert world.rows() == 0


def test_the_registry_learns_hashes_alone(world: World) -> None:
    """Neither proof nor owner token, in any encoding that is lying near, is in any file of the data folder."""
    left = world.leave(downloads=2)
    world.close()
    everything = b"".join(path.read_bytes() for path in world.root.rglob("*") if path.is_file())
    assert bytes(PROOF) not in everything
    assert left.owner_token.encode() not in everything


def test_check_tells_of_either_store(world: World) -> None:
    """Both have to answer."""
    world.drops.check()
    (world.root / "incoming").rmdir()
    with pytest.raises(StoreUnavailable):
        world.drops.check()
    (world.root / "incoming").mkdir()
    world.close()
    (world.root / "registry.sqlite3").write_bytes(b"damaged")
    with pytest.raises(StoreUnavailable):
        world.drops.check()
