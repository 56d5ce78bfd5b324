"""A process that ends between any two steps leaves a state that fails closed, and that sweeping clears.

In a process of its own, the program below runs one thing (leaving, claiming, deleting, sweeping) again and again, each
time in a fresh copy of the same folder and in a forked child, which ends itself with `os._exit` before the next line
of the drop rules or of the stores; until the thing gets through. The tests look at every folder that is left.
"""

import shutil
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from dropbox_app.drops.file_ids import blob_name, parse_file_id
from dropbox_app.drops.sweep import sweep
from dropbox_app.errors import DropNotFound
from dropbox_app.model import FileId, Record
from tests.drops.world import PROOF, START, Clock, World, open_world, output_of, start_program

_EVERY_LINE = textwrap.dedent("""
    import os, shutil, sys
    from pathlib import Path
    from drops.world import PROOF, Clock, open_world
    from dropbox_app.drops.sweep import sweep
    from dropbox_app.drops import service

    base, out, thing, file_id, now = Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]
    # What hashing does is not at stake, and takes most of the time.
    service.hash_secret = lambda secret: "hash"
    LOOKED_AT = ("drops/service.py", "drops/sweep.py", "blobs/local.py", "registry/sqlite.py")

    def run(world):
        if thing == "leave":
            leaving = world.drops.begin(1, 0)
            (world.root / "id").write_text(leaving.file_id)
            try:
                leaving.append(b"sealed")
                leaving.seal(PROOF, 2)
            finally:
                leaving.close()
        elif thing == "claim":
            world.drops.take_ticket(file_id, 6)
            (world.root / "claimed").touch()
        elif thing == "takedown":
            world.drops.takedown(file_id)
        elif thing == "sweep":
            sweep(world.blobs, world.registry, float(now))

    def child(folder, lines):
        world = open_world(folder, Clock(float(now)))
        left = lines
        def on_line(frame, event, _):
            nonlocal left
            if event == "line":
                left -= 1
                if left < 0:
                    os._exit(9)
            return on_line
        def on_call(frame, event, _):
            return on_line if frame.f_code.co_filename.endswith(LOOKED_AT) else None
        sys.settrace(on_call)
        run(world)
        os._exit(0)

    lines, status = 0, 9
    while status:
        folder = out / str(lines)
        shutil.copytree(base, folder)
        pid = os.fork()
        if not pid:
            try:
                child(folder, lines)
            finally:
                os._exit(3)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert status in (0, 9), status
        lines += 1
    print(lines)
""")


def every_crash(base: World, tmp_path: Path, thing: str, file_id: str = "-", now: float = START) -> Iterator[World]:
    """The worlds that are left by ending before each line of it; the last one is that of its good end."""
    base.close()
    out = tmp_path / "out"
    out.mkdir()
    count = int(output_of(start_program(_EVERY_LINE, base.root, out, thing, file_id, now)))
    assert count > 15
    for line in range(count):
        world = open_world(out / str(line), Clock(now))
        yield world
        world.close()
        shutil.rmtree(out / str(line))


@pytest.fixture
def base(tmp_path: Path) -> World:
    """The folder that the crashing process begins with."""
    (tmp_path / "base").mkdir()
    return open_world(tmp_path / "base")


def whole_or_not_there(world: World, file_id: FileId) -> int:
    """A drop is either not found or complete, with all that its claimer needs; returns its tickets."""
    try:
        world.drops.look_up(file_id)
    except DropNotFound:
        return 0
    assert world.content(file_id) == b"sealed"
    left = world.registry.downloads_left(file_id)
    assert left
    return left


def sweeps_clean(world: World, now: float) -> None:
    """At this time, and in one sweep, both stores forget everything."""
    sweep(world.blobs, world.registry, now)
    assert world.files() == []
    assert world.rows() == 0


def test_leaving(base: World, tmp_path: Path) -> None:
    """Ended anywhere, there is the whole drop with both tickets or none; never a record without a blob."""
    seen = set()
    for world in every_crash(base, tmp_path, "leave"):
        if not (world.root / "id").exists():
            assert world.rows() == 0
            continue
        file_id = parse_file_id((world.root / "id").read_text())
        seen.add(whole_or_not_there(world, file_id))
        # What was on its way goes with the next sweep; what was committed without a record, with its hour.
        sweep(world.blobs, world.registry, START)
        assert list((world.root / "incoming").iterdir()) == []
        if world.registry.find(file_id) is not None:
            assert world.files() == [blob_name(file_id)]
        sweeps_clean(world, START + 2 * 3600)
    assert seen == {0, 2}


def test_claiming_the_last_ticket(base: World, tmp_path: Path) -> None:
    """Ended anywhere, the ticket is there or it is not; a download was never given without it; the drop goes."""
    left = base.leave(downloads=1, hours=72)
    seen = set()
    for world in every_crash(base, tmp_path, "claim", left.file_id):
        tickets = whole_or_not_there(world, left.file_id)
        seen.add(tickets)
        assert not (tickets and (world.root / "claimed").exists())
        assert world.registry.find(left.file_id) is not None
        if any("~" in name for name in world.files()):
            sweeps_clean(world, START + 3 * 3600)
        sweeps_clean(world, left.expires)
    assert seen == {0, 1}


def test_takedown(base: World, tmp_path: Path) -> None:
    """Ended anywhere, the drop is whole or cannot be claimed, and the next takedown leaves nothing."""
    left = base.leave(downloads=2)
    for world in every_crash(base, tmp_path, "takedown", left.file_id):
        whole_or_not_there(world, left.file_id)
        world.drops.takedown(left.file_id)
        assert world.files() == []
        assert world.rows() == 0


def test_sweeping(base: World, tmp_path: Path) -> None:
    """Ended anywhere, nothing that is alive is harmed, nothing that is due can be claimed, and the next one ends it."""
    expired = base.leave()
    used = base.leave(downloads=1, hours=72)
    base.drops.take_ticket(used.file_id, 6)
    alive = base.leave(downloads=2, hours=72)
    (base.root / "incoming" / f"{blob_name(FileId('1zzzz' + '0' * 27))}.once").touch()
    now = START + 3 * 3600
    for world in every_crash(base, tmp_path, "sweep", now=now):
        assert whole_or_not_there(world, alive.file_id) == 2
        for gone in (expired, used):
            assert whole_or_not_there(world, gone.file_id) == 0
        sweep(world.blobs, world.registry, now)
        assert world.files() == [blob_name(alive.file_id)]
        assert world.rows() == 3


def test_tickets_without_a_record(base: World) -> None:
    """What an adapter without transactions may leave, tickets alone or a record alone, gives no download."""
    left = base.leave(downloads=1)
    with base.registry._transaction() as database:
        database.execute("DELETE FROM drops")
    with pytest.raises(DropNotFound):
        base.drops.look_up(left.file_id)
    base.registry.add(left.file_id, Record("proof", "owner"), 3)
    assert base.registry.downloads_left(left.file_id) == 3
    base.registry.remove_tickets(left.file_id)
    with pytest.raises(DropNotFound):
        base.drops.look_up(left.file_id)
    assert PROOF
    sweeps_clean(base, left.expires)
    base.close()
