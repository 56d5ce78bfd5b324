"""Sweeping takes what is due and nothing on doubt, at a cost that grows with what is due."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from dropbox_app.blobs.local import LocalBlobStore
from dropbox_app.drops.file_ids import blob_name, new_file_id
from dropbox_app.drops.service import LeftDrop
from dropbox_app.drops.sweep import UNFINISHED_FOR, Swept, sweep
from dropbox_app.errors import StoreUnavailable
from dropbox_app.model import Hour, hour_of
from dropbox_app.operator.sweeping import Sweeping
from dropbox_app.registry.sqlite import SqliteRegistry
from tests.drops.world import PROOF, World

NOTHING = Swept(0, 0, 0, 0)


def run(world: World) -> Swept:
    """Sweep at the world's time."""
    return sweep(world.blobs, world.registry, world.clock.now)


def use_up(world: World, left: LeftDrop) -> int:
    """Take the only ticket; returns when the grant ends."""
    found = world.drops.look_up(left.file_id)
    found.check_proof(PROOF)
    return found.take_ticket(6).ends


def test_nothing_to_do(world: World) -> None:
    """In empty stores, and with drops that are alive, nothing goes."""
    assert run(world) == NOTHING
    left = world.leave(downloads=1)
    world.clock.now = left.expires - 1
    assert run(world) == NOTHING
    assert world.content(left.file_id) == b"sealed"


def test_expired_drops_go(world: World) -> None:
    """On its hour a drop is gone from both stores; one of the next hour stays; the second sweep finds nothing."""
    first, second = world.leave(downloads=100, hours=1), world.leave(hours=24)
    world.clock.now = first.expires
    assert run(world) == Swept(records=1, blobs=1, used_up=0, unfinished=0)
    assert world.files() == [blob_name(second.file_id)]
    assert world.rows() == 2
    assert run(world) == NOTHING


def test_many_hours_at_once(world: World) -> None:
    """After a long stop everything that expired meanwhile goes in one sweep, and no folder is left."""
    drops = [world.leave(hours=hours) for hours in (1, 24, 72, 168) for _ in range(3)]
    world.clock.now = max(left.expires for left in drops)
    assert run(world) == Swept(12, 12, 0, 0)
    assert world.rows() == 0
    assert list((world.root / "blobs").iterdir()) == []


def test_used_up_drops_go_after_their_last_grant(world: World) -> None:
    """Not while the grant lasts; from the hour on that begins after it, record and blob are gone before they expire."""
    left = world.leave(downloads=1, hours=72)
    ends = use_up(world, left)
    for now in (world.clock.now, ends - 1, ends, (hour_of(ends) + 1) * 3600 - 1):
        world.clock.now = now
        assert run(world) == NOTHING
        assert world.drops.status(left.file_id, left.owner_token).downloads_left == 0
    world.clock.now = (hour_of(ends) + 1) * 3600
    assert run(world) == Swept(0, 0, 1, 0)
    assert world.files() == []
    assert world.rows() == 0


def test_a_due_mark_does_not_beat_a_ticket(world: World) -> None:
    """A drop that is marked as due and has a ticket after all stays: nothing goes on doubt. The mark is cleared."""
    limited, endless = world.leave(downloads=1, hours=72), world.leave(hours=72)
    for left in (limited, endless):
        world.blobs.mark_due(blob_name(left.file_id), hour_of(world.clock.now))
    assert run(world) == NOTHING
    assert world.files() == sorted(blob_name(left.file_id) for left in (limited, endless))
    use_up(world, limited)


def test_a_due_mark_of_what_is_gone(world: World) -> None:
    """A mark whose drop was deleted meanwhile is cleared, and so is one without any drop."""
    left = world.leave(downloads=1, hours=72)
    use_up(world, left)
    world.drops.delete(left.file_id, left.owner_token)
    world.blobs.mark_due(blob_name(new_file_id(Hour(495_000), secrets.token_bytes)), hour_of(world.clock.now))
    world.clock.now += 3 * 3600
    assert run(world) == NOTHING
    assert world.files() == []


def test_only_its_own_drop_goes(world: World) -> None:
    """Of several drops of one hour, the one whose mark it is goes and the others stay."""
    drops = [world.leave(downloads=1, hours=72) for _ in range(6)]
    use_up(world, drops[3])
    world.clock.now += 3 * 3600
    assert run(world) == Swept(0, 0, 1, 0)
    assert world.files() == sorted(blob_name(left.file_id) for left in drops if left is not drops[3])


def test_orphan_blobs_go_with_their_hour(world: World) -> None:
    """A blob that never got its record stays until its hour and goes with it; a record without a blob too."""
    orphan = world.drops.begin(1, 0)
    orphan.append(b"x")
    orphan._writer.commit()
    orphan.close()
    lost = world.leave(hours=1)
    world.blobs.delete(blob_name(lost.file_id))
    assert run(world) == NOTHING
    world.clock.now = lost.expires
    assert run(world) == Swept(1, 1, 0, 0)
    assert world.files() == []
    assert world.rows() == 0


def test_unfinished_uploads(world: World) -> None:
    """What somebody writes stays; what can be resumed stays for a day; what cannot, and is nobody's, goes at once."""
    hour = Hour(hour_of(world.clock.now) + 700)
    writing = world.drops.begin(720, 0)
    names = [blob_name(new_file_id(hour, secrets.token_bytes)) for _ in range(2)]
    for name in names:
        world.blobs.begin(name, resumable=True).close()
    old, young = (world.root / "incoming" / f"{name}.part" for name in names)
    os.utime(old, (0, world.clock.now - UNFINISHED_FOR - 1))
    os.utime(young, (0, world.clock.now - UNFINISHED_FOR + 1))
    (world.root / "incoming" / f"{blob_name(new_file_id(hour, secrets.token_bytes))}.once").touch()
    assert run(world) == Swept(0, 0, 0, 2)
    assert young.exists()
    writing.append(b"still here")
    left = writing.seal(PROOF, None)
    assert world.content(left.file_id) == b"still here"


@pytest.mark.parametrize("method", ["expiring_before", "delete", "due_before", "clear_due_before", "drop_unfinished"])
def test_a_failing_blob_store_leaves_it_for_next_time(
    world: World, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """Wherever the blob store fails, the sweep says so; the next one clears everything and no live drop is harmed."""
    expired, used, alive = world.leave(), world.leave(downloads=1, hours=24), world.leave(hours=24)
    use_up(world, used)
    world.clock.now += 4 * 3600
    with monkeypatch.context() as patch:
        patch.setattr(LocalBlobStore, method, _fail)
        with pytest.raises(StoreUnavailable):
            run(world)
    assert world.content(alive.file_id) == b"sealed"
    run(world)
    assert world.files() == [blob_name(alive.file_id)]
    assert world.rows() == 2
    assert expired.file_id not in world.files()


@pytest.mark.parametrize("method", ["remove_expiring_before", "expiring_in", "downloads_left", "remove"])
def test_a_failing_registry_leaves_it_for_next_time(world: World, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """The same for the registry: an outage is no reason to believe that a drop has no ticket or no record."""
    world.leave()
    used, alive = world.leave(downloads=1, hours=24), world.leave(downloads=1, hours=24)
    use_up(world, used)
    world.blobs.mark_due(blob_name(alive.file_id), hour_of(world.clock.now))
    world.clock.now += 4 * 3600
    with monkeypatch.context() as patch:
        patch.setattr(SqliteRegistry, method, _fail)
        with pytest.raises(StoreUnavailable):
            run(world)
    assert world.content(alive.file_id) == b"sealed"
    run(world)
    assert world.files() == [blob_name(alive.file_id)]
    assert world.rows() == 2


def _fail(*_: object, **__: object) -> None:
    raise StoreUnavailable("no answer")


def _calls(world: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What one sweep asks of the file system for the blob store: every call, and every entry of a listing."""
    seen: list[str] = []

    def counted(name: str) -> Callable[..., object]:
        real: Callable[..., object] = getattr(os, name)

        def call(path: object = ".", *arguments: object, **named: object) -> object:
            answer = real(path, *arguments, **named)
            seen.append(f"{name} {path}")
            seen.extend(f"entry {entry}" for entry in (answer if isinstance(answer, list) else ()))
            return answer

        return call

    with monkeypatch.context() as patch:
        # `os.scandir` is not used; if it ever is, this list has to learn of it.
        for name in ("listdir", "stat", "lstat", "open", "unlink", "rmdir", "mkdir", "rename"):
            patch.setattr(os, name, counted(name))
        patch.setattr(os, "scandir", _fail)
        run(world)
    return [call for call in seen if "registry" not in call]


def test_the_cost_does_not_grow_with_what_is_alive(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep makes as many file-system calls beside 300 live drops as beside one of the same hour."""
    hour = Hour(hour_of(world.clock.now) + 24)
    folder = world.root / "blobs"

    def live(count: int) -> None:
        for _ in range(count):
            name = blob_name(new_file_id(hour, secrets.token_bytes))
            (folder / name[:5]).mkdir(exist_ok=True)
            (folder / name[:5] / name).touch()

    live(1)
    few = _calls(world, monkeypatch)
    live(300)
    assert few
    assert _calls(world, monkeypatch) == few


class TestSweeping:
    """The thread that every process offers."""

    def test_sweeps_at_once_and_ends(self, world: World, caplog: pytest.LogCaptureFixture) -> None:
        """Its first sweep comes with its start, and `stop` ends it."""
        unfinished = world.root / "incoming" / "1zzzz-left.once"
        unfinished.touch()
        sweeping = Sweeping(world.blobs, world.registry, world.root)
        with caplog.at_level("INFO"):
            sweeping.start()
            sweeping.stop()
            sweeping._thread.join(10)
        assert not sweeping._thread.is_alive()
        assert not unfinished.exists()
        assert "swept" in caplog.text
        assert "left" not in caplog.text

    def test_one_of_many_does(self, world: World) -> None:
        """Right after one process has swept, another one does not; after the interval it does."""
        one, two = (Sweeping(world.blobs, world.registry, world.root) for _ in range(2))
        one._sweep_once(at_least_after=600)
        unfinished = world.root / "incoming" / "1zzzz-left.once"
        unfinished.touch()
        two._sweep_once(at_least_after=600)
        assert unfinished.exists()
        os.utime(world.root / "sweep", (0, os.stat(world.root / "sweep").st_mtime - 601))  # noqa: PTH116 - beside utime
        two._sweep_once(at_least_after=600)
        assert not unfinished.exists()

    def test_a_failing_store_does_not_end_it(
        self, world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It says so, and looks again before the interval is over."""
        sweeping = Sweeping(world.blobs, world.registry, world.root)
        with monkeypatch.context() as patch:
            patch.setattr(LocalBlobStore, "expiring_before", _fail)
            sweeping._sweep_once(at_least_after=600)
        assert "StoreUnavailable" in caplog.text
        unfinished = world.root / "incoming" / "1zzzz-left.once"
        unfinished.touch()
        sweeping._sweep_once(at_least_after=600)
        assert not unfinished.exists()

    def test_a_folder_that_is_gone_does_not_end_it(
        self, world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """If its own file cannot be opened, now or because too many are, it goes on the next time."""
        sweeping = Sweeping(world.blobs, world.registry, tmp_path / "gone")
        sweeping._sweep_once(at_least_after=600)
        assert "FileNotFoundError" in caplog.text
