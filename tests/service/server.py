"""A real service for tests: gunicorn with the project's own configuration, in processes of its own."""

import contextlib
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
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the service ended: {self.log.read_text()}")
            with contextlib.suppress(requests.ConnectionError):
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
        master = psutil.Process(self.process.pid)
        for process in [*master.children(recursive=True), master]:
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

    def containers(self) -> list[Path]:
        """The sealed containers it keeps, and what is on its way to be one."""
        return [path for path in self.files() if path.relative_to(self.data_dir).parts[0] in ("blobs", "incoming")]


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


@contextlib.contextmanager
def running(folder: Path, **environment: str) -> Iterator[Service]:
    """A service with its data, temporary files and log in this folder, ended with the block."""
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    service = Service(folder / "data", free_port(), folder / "log", temporary, environment)
    service.start()
    try:
        yield service
    finally:
        service.stop()
