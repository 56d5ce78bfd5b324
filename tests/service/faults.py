"""Real faults of a disk: a small file system of its own, made read-only or full. Needs root."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


def _run(*command: str) -> bool:
    return subprocess.run(command, check=False, capture_output=True, timeout=30).returncode == 0


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system in memory of this size (as `mount` understands it) at this folder.

    Where it cannot be mounted the test is skipped, but fails on the project's own machines (``CI``).
    """
    folder.mkdir()
    if not _run("mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(folder)):
        if os.environ.get("CI"):
            pytest.fail("mounting is not possible here, and has to be where CI is set")
        pytest.skip("mounting needs root")
    try:
        yield folder
    finally:
        _run("umount", "-l", str(folder))


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nothing can be opened for writing in this folder (EROFS); what is open already still can be written."""
    # A second mount on top of the first: the first cannot be made read-only while the service has files open in it.
    assert _run("mount", "--bind", str(folder), str(folder))
    try:
        assert _run("mount", "-o", "remount,bind,ro", str(folder))
        yield
    finally:
        _run("umount", "-l", str(folder))
