"""The data folder of the embedded stores: made once, under a lock, whoever comes first of several processes."""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dropbox_app.config import Settings, SettingsError
from dropbox_app.registry import sqlite

_SECRET_FILE = "secret_key"  # noqa: S105 - a file's name


@dataclass(frozen=True)
class DataFolder:
    """What is in it.

    Attributes:
        secret: The ``SECRET_KEY`` that counts.
        registry: The registry's file.
    """

    secret: str
    registry: Path


def prepare(settings: Settings) -> DataFolder:
    """Make the folder, its secret and its registry, as far as they are missing; any number of processes at once may.

    Raises:
        SettingsError: the folder cannot be made, read or written.
        StoreUnavailable: the registry cannot be made.
    """
    root = settings.data_dir
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(root):
            secret = settings.secret_key or _kept_secret(root / _SECRET_FILE)
            registry = root / "registry.sqlite3"
            sqlite.prepare(registry)
    except OSError as error:
        raise SettingsError(f"DROP_DATA_DIR: {root} cannot be used: {error.strerror}") from error
    return DataFolder(secret, registry)


@contextlib.contextmanager
def _locked(root: Path) -> Iterator[None]:
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _kept_secret(path: Path) -> str:
    """The secret in the file, or a new one that is put there."""
    try:
        kept = path.read_text("ascii").strip()
    except FileNotFoundError:
        kept = ""
    if kept:
        return kept
    secret = secrets.token_urlsafe(48)
    # Under another name first: a process that is killed here leaves no empty secret.
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(handle, "w", encoding="ascii") as file:  # noqa: PTH123 - an open handle
        file.write(secret)
        file.flush()
        os.fsync(handle)
    draft.rename(path)
    return secret
