"""A real service for tests: gunicorn with the project's own configuration, in processes of its own."""

import contextlib
import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import requests

from dropbox_app.drops.file_ids import blob_name
from dropbox_app.model import PREFIX_LENGTH, FileId

ROOT = Path(__file__).parents[2]
GENEROUS = {"DROP_MIN_FREE": "0", "DROP_LIMIT_CLAIMS": "off", "DROP_LIMIT_UPLOADS": "off"}


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Service:
    """A running service.

    Attributes:
        data_dir: Its data folder.
        port: Where it listens.
        log: What it writes to standard output and error.
        temporary: Its ``TMPDIR``.
        process: gunicorn's master.
    """

    data_dir: Path
    port: int
    log: Path
    temporary: Path
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] = field(init=False)

    @property
    def url(self) -> str:
        """What its addresses begin with."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("DROP_", "SECRET_"))}
        environment = {
            **clean,
            **GENEROUS,
            "DROP_DATA_DIR": str(self.data_dir),
            "PORT": str(self.port),
            "TMPDIR": str(self.temporary),
            **self.environment,
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py"],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the service ended: {self.log.read_text()}")
            with contextlib.suppress(requests.RequestException):
                if requests.get(f"{self.url}/healthz", timeout=5).ok:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"the service does not answer: {self.log.read_text()}")

    def stop(self) -> None:
        """End it as an operator would, and see that nothing is left running."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self._assert_gone()

    def kill(self) -> None:
        """Kill -9 the master and all workers at once."""
        # The master first, or it would start workers anew.
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait(30)
        self._assert_gone()

    def _assert_gone(self) -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with contextlib.suppress(psutil.NoSuchProcess):
                if not [p for p in psutil.process_iter() if _session(p.pid) == self.process.pid]:
                    return
            time.sleep(0.05)
        raise AssertionError("the service left processes running")

    def files(self) -> list[Path]:
        """All files of its data folder."""
        return [path for path in self.data_dir.rglob("*") if path.is_file()]

    @property
    def in_memory(self) -> Path:
        """The folder of what all processes on this data folder share in memory."""
        key = hashlib.sha256(os.fsencode(self.data_dir.resolve())).hexdigest()[:16]
        return Path(f"/dev/shm/twinlock-{os.getuid()}-{key}")  # noqa: S108 - looked at only

    def container(self, file_id: str) -> Path:
        """Where the container of a drop lies."""
        name = blob_name(FileId(file_id))
        return self.data_dir / "blobs" / name[:PREFIX_LENGTH] / name

    def unfinished(self) -> list[Path]:
        """What is on its way in, or was left there; and whatever lies in ``TMPDIR``."""
        return [path for path in (*(self.data_dir / "incoming").iterdir(), *self.temporary.rglob("*")) if path.exists()]

    def stored(self) -> set[Path]:
        """The containers that are committed."""
        return {path for path in (self.data_dir / "blobs").rglob("*") if path.is_file()}

    def wait_until_tidy(self, seconds: float = 5.0) -> None:
        """Wait until nothing unfinished is left, and fail if that takes too long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not self.unfinished():
                return
            time.sleep(0.02)
        raise AssertionError(f"left behind: {self.unfinished()}")

    def processes(self) -> list[psutil.Process]:
        """The master and its workers."""
        master = psutil.Process(self.process.pid)
        return [master, *master.children(recursive=True)]

    def containers(self) -> list[Path]:
        """The sealed containers it keeps, and what is on its way to be one."""
        return [path for path in self.files() if path.relative_to(self.data_dir).parts[0] in ("blobs", "incoming")]


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def prepared(folder: Path, data_dir: Path | None = None, **environment: str) -> Service:
    """A service that has not been started, with its temporary files and log in this folder, and its data too."""
    temporary = folder / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    return Service(data_dir or folder / "data", free_port(), folder / "log", temporary, environment)


@contextlib.contextmanager
def running(folder: Path, data_dir: Path | None = None, **environment: str) -> Iterator[Service]:
    """A service with its data, temporary files and log in this folder, ended with the block."""
    service = prepared(folder, data_dir, **environment)
    try:
        service.start()
        yield service
    finally:
        service.stop()
