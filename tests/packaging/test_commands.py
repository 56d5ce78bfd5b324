"""The Makefile, the Procfile and the set-up script do what they say."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SETUP = ROOT / "scripts" / "setup.py"
GUNICORN = r"gunicorn -c gunicorn\.conf\.py 'dropbox_app:create_app\(\)'"


def read_recipe(target: str) -> str:
    """The recipe of one target of the Makefile."""
    found = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert found
    return found[1]


def run_setup(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a folder's copy of the set-up script."""
    return subprocess.run(
        [sys.executable, str(folder / "scripts" / "setup.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=dict(os.environ, **environment),
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with a copy of the set-up script, and lists that name nothing."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(SETUP, tmp_path / "scripts")
    (tmp_path / "requirements").mkdir()
    for name in ("serve", "test"):
        (tmp_path / "requirements" / f"{name}.txt").write_text("# nothing\n")
    return tmp_path


def test_procfile_starts_what_make_serve_starts() -> None:
    """Both run the same gunicorn command, and put it in the place of the shell, so that signals reach it."""
    procfile = (ROOT / "Procfile").read_text()
    assert re.fullmatch(rf'web: PATH="\.venv/bin:\$PATH" exec {GUNICORN}\n', procfile)
    assert re.fullmatch(rf"\t@exec \.venv/bin/{GUNICORN}\n", read_recipe("serve"))


def test_make_alone_lists_the_targets() -> None:
    """`make` prints what can be done, and does nothing."""
    answer = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True, check=True)
    for target in ("setup", "serve", "test", "lint", "lock", "bench", "clean"):
        assert f"make {target} " in answer.stdout


def test_ci_runs_the_linters_and_then_the_tests() -> None:
    """The script that decides whether a change may go in runs the same two targets that a person runs."""
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert "set -euo pipefail" in lines
    assert [line.partition(" <")[0] for line in lines if line.startswith("make ")] == ["make lint", "make test"]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_setup_with_an_unknown_target_says_how_it_is_used(copy: Path) -> None:
    """A wrong word on the command line is answered with the right ones."""
    answer = run_setup(copy, "everything")
    assert answer.returncode == 1
    assert "usage: setup.py serve | test [--browser]" in answer.stderr


def test_setup_without_an_environment_module_says_what_to_install(copy: Path) -> None:
    """On a system that packs ensurepip apart, the set-up names the package, or installs it; here it can do neither."""
    (copy / "scripts" / "ensurepip.py").write_text("raise ImportError\n")
    answer = run_setup(copy, "serve", PYTHONPATH=str(copy / "scripts"), PATH="")
    assert answer.returncode == 1
    assert re.search(r"please install these, .*: python3(\.\d+)?-venv", answer.stderr)
    assert not (copy / ".venv").exists()


def test_setup_makes_an_interrupted_environment_anew(copy: Path) -> None:
    """A folder that was left half-made, here without gunicorn and with an open mark, is not taken for finished."""
    (copy / ".venv" / "bin").mkdir(parents=True)
    (copy / ".venv" / "setup-unfinished").touch()
    (copy / ".venv" / "left over").touch()
    answer = run_setup(copy, "serve")
    assert answer.returncode == 0, answer.stderr
    assert "removing an unfinished or outdated .venv" in answer.stderr
    assert not (copy / ".venv" / "left over").exists()
    assert not (copy / ".venv" / "setup-unfinished").exists()
    assert (copy / ".venv" / "setup-stamp.json").exists()


def test_setup_in_a_folder_that_cannot_be_written_to_says_so(copy: Path) -> None:
    """A folder of somebody else's, or one mounted read-only, leads to a sentence, not to a traceback."""
    # Root may write to every folder, so the kernel's answer is put in by hand.
    code = "import os, runpy; os.access = lambda *_: False; runpy.run_path('scripts/setup.py', run_name='__main__')"
    answer = subprocess.run(
        [sys.executable, "-c", code, "serve"], cwd=copy, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 1
    assert "cannot be written to" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not (copy / ".venv").exists()


def test_setup_can_be_read_by_a_python_that_is_too_old() -> None:
    """The script says that Python is too old, so it keeps to the words that an old one knows."""
    text = SETUP.read_text()
    assert "match " not in re.sub(r"#.*", "", text)
    assert ":=" not in text
    compile(text, "setup.py", "exec", dont_inherit=True)
