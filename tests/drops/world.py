"""The drop rules on real embedded stores, with a clock of their own."""

import os
import secrets
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from dropbox_app.blobs.local import LocalBlobStore
from dropbox_app.counters.shared import SharedMemoryStorage
from dropbox_app.drops.room import Room
from dropbox_app.drops.service import Drops, LeftDrop
from dropbox_app.drops.throttle import Throttle
from dropbox_app.drops.tokens import Tokens
from dropbox_app.model import FileId, Proof
from dropbox_app.registry.sqlite import SqliteRegistry, prepare

ROOT = Path(__file__).parents[2]
PROOF = Proof(b"p" * 32)
WRONG = Proof(b"w" * 32)
SECRET = "a secret of at least thirty-two characters"
START = 1_780_000_200.0
"""A point in time that is no full hour: 30 minutes past one."""


@dataclass
class Clock:
    """A clock that goes when it is told to."""

    now: float = START

    def __call__(self) -> float:
        """Seconds since 1970."""
        return self.now


@dataclass
class World:
    """Everything one process has, on the folder ``root``."""

    root: Path
    clock: Clock
    blobs: LocalBlobStore
    registry: SqliteRegistry
    drops: Drops

    def leave(self, content: bytes = b"sealed", downloads: int | None = None, hours: int = 1) -> LeftDrop:
        """Leave a drop whose proof is `PROOF`."""
        leaving = self.drops.begin(hours, len(content))
        try:
            leaving.append(content)
            return leaving.seal(PROOF, downloads)
        finally:
            leaving.close()

    def content(self, file_id: FileId) -> bytes:
        """What a claimer would read."""
        reader = self.drops.look_up(file_id).open()
        try:
            buffer = bytearray(reader.size)
            assert reader.read_into(0, memoryview(buffer)) == reader.size
            return bytes(buffer)
        finally:
            reader.close()

    def files(self) -> list[str]:
        """Names of all files of the blob store, markers included."""
        return sorted(
            path.name for part in ("blobs", "incoming", "due") for path in (self.root / part).rglob("*")
            if path.is_file()
        )  # fmt: skip

    def rows(self) -> int:
        """Records and tickets together."""
        database = sqlite3.connect(self.root / "registry.sqlite3")
        try:
            return sum(database.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("drops", "tickets"))  # noqa: S608 - two fixed names
        finally:
            database.close()

    def close(self) -> None:
        """Close what is open."""
        self.registry.close()


def open_world(root: Path, clock: Clock | None = None, secret: str = SECRET, quota: int | None = None) -> World:
    """A process's view of the stores in this folder, which are made if they are missing."""
    clock = clock or Clock()
    prepare(root / "registry.sqlite3")
    blobs, registry = LocalBlobStore(root), SqliteRegistry(root / "registry.sqlite3")
    tokens = Tokens(secret, None)
    drops = Drops(
        blobs=blobs,
        registry=registry,
        room=Room(blobs, quota=quota),
        throttle=Throttle(SharedMemoryStorage(root / "counters"), tokens.counter_key()),
        tokens=tokens,
        random_bytes=secrets.token_bytes,
        clock=clock,
    )
    return World(root, clock, blobs, registry, drops)


def start_program(program: str, *arguments: object) -> "subprocess.Popen[str]":
    """Start another process that runs this program with the project's modules at hand."""
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        stdout=subprocess.PIPE,
        text=True,
    )


def output_of(process: "subprocess.Popen[str]") -> str:
    """What it printed; it must have ended well."""
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return text
