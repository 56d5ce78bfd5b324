"""The data folder: made once, with its secret, by any number of processes at once."""

import os
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from dropbox_app.config import Settings, SettingsError
from dropbox_app.data_folder import prepare

ROOT = Path(__file__).parents[2]


def settings(folder: Path, **environ: str) -> Settings:
    """Settings with this data folder."""
    return Settings.from_environ({"DROP_DATA_DIR": str(folder)} | environ)


def test_makes_what_is_missing(tmp_path: Path) -> None:
    """Folder 0700, files 0600, the two tables, and a secret of 48 random bytes."""
    data = prepare(settings(tmp_path / "a" / "data"))
    folder = tmp_path / "a" / "data"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert data.registry == folder / "registry.sqlite3"
    database = sqlite3.connect(data.registry)
    assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert {row[0] for row in database.execute("SELECT name FROM sqlite_schema")} >= {"drops", "tickets"}
    database.close()
    assert len(data.secret) == 64
    assert (folder / "secret_key").read_text() == data.secret


def test_a_second_time_changes_nothing(tmp_path: Path) -> None:
    """The secret and the registry are kept."""
    first = prepare(settings(tmp_path))
    database = sqlite3.connect(first.registry)
    database.execute("INSERT INTO tickets VALUES ('x')")
    database.commit()
    database.close()
    assert prepare(settings(tmp_path)) == first
    database = sqlite3.connect(first.registry)
    assert database.execute("SELECT id FROM tickets").fetchall() == [("x",)]
    database.close()


def test_another_folder_another_secret(tmp_path: Path) -> None:
    """Secrets are random."""
    assert prepare(settings(tmp_path / "a")).secret != prepare(settings(tmp_path / "b")).secret


def test_a_secret_of_the_operators_own(tmp_path: Path) -> None:
    """It counts, and is not written anywhere."""
    assert prepare(settings(tmp_path, SECRET_KEY="my own secret")).secret == "my own secret"
    assert not (tmp_path / "secret_key").exists()
    assert not [path for path in tmp_path.iterdir() if b"my own secret" in path.read_bytes()]


@pytest.mark.parametrize("left", ["", "\n"])
def test_a_process_that_was_killed_leaves_no_empty_secret(tmp_path: Path, left: str) -> None:
    """A draft that was left is thrown away, and an empty file is no secret."""
    (tmp_path / "secret_key").write_text(left)
    (tmp_path / "secret_key.new").write_text("half a sec")
    secret = prepare(settings(tmp_path)).secret
    assert len(secret) == 64
    assert prepare(settings(tmp_path)).secret == secret
    assert not (tmp_path / "secret_key.new").exists()
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


def test_many_processes_at_once(tmp_path: Path) -> None:
    """Six processes that all find nothing agree on one secret, and none fails."""
    program = """
        import os, sys
        from dropbox_app.config import Settings
        from dropbox_app.data_folder import prepare
        sys.stdin.read()
        print(prepare(Settings.from_environ(os.environ)).secret)
    """
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program)],
            cwd=ROOT,
            env={"DROP_DATA_DIR": str(tmp_path / "data"), "PATH": os.environ["PATH"]},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    secrets = {process.communicate(timeout=60)[0] for process in processes}
    assert [process.returncode for process in processes] == [0] * 6
    assert len(secrets) == 1
    assert len(secrets.pop().strip()) == 64


@pytest.mark.parametrize("kind", ["a file", "in a file", "a dangling link", "too long"])
def test_a_folder_that_cannot_be(tmp_path: Path, kind: str) -> None:
    """The operator is told which setting it is."""
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere" / "at" / "all")
    place = {"a file": "file", "in a file": "file/data", "a dangling link": "link", "too long": "x" * 300}[kind]
    with pytest.raises(SettingsError, match=r"^DROP_DATA_DIR: "):
        prepare(settings(tmp_path / place))
