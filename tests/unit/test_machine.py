"""The folder in memory that a machine's processes share."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from dropbox_app.errors import TwinlockError
from dropbox_app.machine import SharedFolder

ROOT = Path(__file__).parents[2]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Where the shared folder of `tmp_path` lies, with nothing there."""
    folder = SharedFolder(tmp_path)
    folder.close()
    assert not folder.path.exists()
    yield folder.path
    if folder.path.is_symlink() or folder.path.is_file():
        folder.path.unlink()
    elif folder.path.is_dir():
        folder.path.rmdir()


def test_is_this_users_alone(tmp_path: Path) -> None:
    """A folder of mode 0700, in memory where the system has that, whose name does not tell the data folder's."""
    folder = SharedFolder(tmp_path)
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert folder.path.stat().st_uid == os.getuid()
    assert tmp_path.name not in folder.path.name
    memory = Path("/dev/shm")  # noqa: S108 - only looked for
    if os.access(memory, os.W_OK):
        assert folder.path.parent == memory
    folder.close()


def test_the_last_one_removes_it(tmp_path: Path) -> None:
    """While somebody has it open it stays, with what is in it; then it is gone."""
    one, two, three = (SharedFolder(tmp_path) for _ in range(3))
    (one.path / "counters").write_text("1")
    two.close()
    assert (three.path / "counters").read_text() == "1"
    one.close()
    assert (three.path / "counters").exists()
    three.close()
    assert not three.path.exists()


def test_one_for_each_data_folder(tmp_path: Path) -> None:
    """Two data folders share nothing; two names of one folder share everything."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    folders = [SharedFolder(tmp_path / name) for name in ("a", "b", "link")]
    assert folders[0].path == folders[2].path != folders[1].path
    for folder in folders:
        folder.close()


def test_what_a_killed_service_left_is_used_again(tmp_path: Path) -> None:
    """Kill -9 leaves the folder; the next service takes it, and removes it at its end."""
    program = f"""
        import os
        from pathlib import Path
        from dropbox_app.machine import SharedFolder
        folder = SharedFolder(Path({str(tmp_path)!r}))
        (folder.path / "counters").touch()
        os._exit(9)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], cwd=ROOT, check=False)
    folder = SharedFolder(tmp_path)
    assert (folder.path / "counters").exists()
    folder.close()
    assert not folder.path.exists()


def test_opening_and_closing_at_once(tmp_path: Path) -> None:
    """Processes that come and go all the time never find the folder gone under their hands, and nothing is left."""
    program = f"""
        from pathlib import Path
        from dropbox_app.machine import SharedFolder
        for number in range(150):
            folder = SharedFolder(Path({str(tmp_path)!r}))
            (folder.path / str(number % 7)).touch()
            assert folder.path.is_dir()
            folder.close()
    """
    processes = [subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], cwd=ROOT) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    folder = SharedFolder(tmp_path)
    folder.close()
    assert not folder.path.exists()


def test_a_folder_that_is_open_to_others_is_refused(tmp_path: Path, place: Path) -> None:
    """Somebody may have looked into it already."""
    place.mkdir()
    place.chmod(0o755)
    with pytest.raises(TwinlockError):
        SharedFolder(tmp_path)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_somebody_elses_folder_is_refused(tmp_path: Path, place: Path) -> None:
    """It could be watched, or swapped."""
    place.mkdir(mode=0o700)
    os.chown(place, 12345, 12345)
    with pytest.raises(TwinlockError):
        SharedFolder(tmp_path)


def test_a_link_is_refused(tmp_path: Path, place: Path) -> None:
    """Also one to a folder that is this user's alone."""
    (tmp_path / "own").mkdir(mode=0o700)
    place.symlink_to(tmp_path / "own")
    with pytest.raises(TwinlockError):
        SharedFolder(tmp_path)
    assert list((tmp_path / "own").iterdir()) == []


@pytest.mark.parametrize("kind", ["file", "dangling link", "link to a file"])
def test_what_is_no_folder_is_refused(tmp_path: Path, place: Path, kind: str) -> None:
    """A file, or a link that leads nowhere or to one, is refused in the same words."""
    if kind == "file":
        place.touch()
    else:
        place.symlink_to(tmp_path / "nowhere" if kind == "dangling link" else __file__)
    with pytest.raises(TwinlockError, match="remove it"):
        SharedFolder(tmp_path)
    assert not (tmp_path / "nowhere").exists()
