"""The two servers, each its own gunicorn on a free port of 127.0.0.1; ended by process id."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import urlencode

import psutil

from benchmarks import wire
from benchmarks.client import Client
from benchmarks.wire import Answer

WORKERS = 2
THREADS = 64
"""As in gunicorn.conf.py."""
FIRST, SECOND = "correct horse battery", "staple under the stairs"
PASSWORDS = {"First-Password": FIRST, "Second-Password": SECOND}
FORM_PASSWORDS = {"first_password": FIRST, "second_password": SECOND}
URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}
_ROOT = Path(__file__).resolve().parent.parent
_START, _STOP = 60.0, 30.0


class Server:
    """A running gunicorn; leaving the block ends it and all it started.

    Args:
        folder: Where it keeps its files; its log goes beside it.
    """

    name = "server"

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = _free_port()
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the server
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DROP_", "GUNICORN_"))}
        self._process = subprocess.Popen(  # noqa: S603 - fixed commands
            [sys.executable, "-m", "gunicorn", *self._arguments()],
            cwd=self._folder_to_start_in(),
            env=kept | {"PYTHONPATH": str(_ROOT)} | self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def _arguments(self) -> list[str]:
        raise NotImplementedError

    def _environment(self) -> dict[str, str]:
        raise NotImplementedError

    def _folder_to_start_in(self) -> Path:
        return _ROOT

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the server: politely, then not."""
        family = self.processes()
        self._process.terminate()
        try:
            self._process.wait(_STOP)
        except subprocess.TimeoutExpired:
            for process in family:
                process.kill()
            self._process.wait()
        self._log.close()

    def processes(self) -> list[psutil.Process]:
        """The master and its workers."""
        try:
            master = psutil.Process(self._process.pid)
            return [master, *master.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def cpu_seconds(self) -> float:
        """Processor time that all its processes have used so far, the reaped ones' included."""
        return sum(sum(process.cpu_times()[:4]) for process in self.processes())

    def _wait_until_ready(self) -> None:
        """Until it answers, all workers are there, and they have been idle for a moment."""
        end = time.monotonic() + _START
        used, since = -1.0, time.monotonic()
        answering = False
        while time.monotonic() < end:
            if self._process.poll() is not None:
                break
            if not answering:
                answering = self._answers()
            busy = self.cpu_seconds()
            if busy != used or not answering or len(self.processes()) <= WORKERS:
                used, since = busy, time.monotonic()
            elif time.monotonic() - since > 0.3:
                return
            time.sleep(0.05)
        self._log.seek(0)
        raise RuntimeError(f"{self.name} did not start:\n{self._log.read().decode(errors='replace')[-3000:]}")

    def _answers(self) -> bool:
        try:
            return wire.exchange(self.port, "GET", "/", {}).status == 200
        except OSError:
            return False


class Floor(Server):
    """The plain server of `benchmarks.floor`."""

    name = "floor"

    def __init__(self, folder: Path, page_size: int = 1) -> None:
        self._page_size = page_size
        super().__init__(folder)

    def _arguments(self) -> list[str]:
        options = ["--worker-class", "gthread", "--workers", str(WORKERS), "--threads", str(THREADS)]
        options += ["--bind", f"127.0.0.1:{self.port}", "--keep-alive", "5", "--no-control-socket"]
        return [*options, "benchmarks.floor:create_app()"]

    def _environment(self) -> dict[str, str]:
        return {"FLOOR_DIR": str(self.folder), "FLOOR_PAGE_SIZE": str(self._page_size)}

    def _folder_to_start_in(self) -> Path:
        # In the project's folder, gunicorn would read the service's gunicorn.conf.py.
        return self.folder

    def upload(self, client: Client, size: int, pause: float = 0.0) -> tuple[Answer, "Stored"]:
        """Upload so many random bytes."""
        answer = expect(201, client.exchange(self.port, "PUT", "/file.bin", size=size, pause=pause))
        return answer, Stored("/file.bin", "")

    def download(self, client: Client, stored: "Stored") -> Answer:
        """Fetch what was uploaded."""
        return expect(200, client.exchange(self.port, "GET", stored.name))

    def delete(self, client: Client, stored: "Stored") -> None:
        """Delete it."""
        expect(204, client.exchange(self.port, "DELETE", stored.name))


class Service(Server):
    """The service, as ``make serve`` starts it."""

    name = "service"

    def _arguments(self) -> list[str]:
        return ["-c", "gunicorn.conf.py", "dropbox_app:create_app()"]

    def _environment(self) -> dict[str, str]:
        return {
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "WEB_CONCURRENCY": str(WORKERS),
            "DROP_DATA_DIR": str(self.folder),
            "DROP_LIMIT_UPLOADS": "off",
            "DROP_LIMIT_CLAIMS": "off",
            "DROP_MIN_FREE": "0",
        }

    def upload(self, client: Client, size: int, pause: float = 0.0) -> tuple[Answer, "Stored"]:
        """Upload so many random bytes, as curl does."""
        answer = client.exchange(self.port, "PUT", "/file.bin", headers=PASSWORDS, size=size, pause=pause)
        return answer, Stored.from_text(expect(201, answer).text)

    def upload_form(self, client: Client, size: int, pause: float = 0.0) -> tuple[Answer, "Stored"]:
        """Upload so many random bytes, as a browser does without JavaScript."""
        headers = {"Accept": "text/plain"}
        job = {"port": self.port, "fields": FORM_PASSWORDS, "size": size, "headers": headers, "pause": pause}
        answer = Answer(**client.ask("form", **job))
        return answer, Stored.from_text(expect(201, answer).text)

    def download(self, client: Client, stored: "Stored") -> Answer:
        """Claim, open and fetch a drop."""
        body = urlencode(FORM_PASSWORDS)
        return expect(200, client.exchange(self.port, "POST", f"/d/{stored.name}", headers=URLENCODED, body=body))

    def delete(self, client: Client, stored: "Stored") -> None:
        """Delete it, as its owner."""
        body = urlencode({"file_id": stored.name, "owner_token": stored.token, "action": "delete"})
        expect(200, client.exchange(self.port, "POST", "/owner", headers=URLENCODED, body=body))


class Stored:
    """What was uploaded.

    Args:
        name: Its path or file ID.
        token: The owner's token, if there is such a thing.
    """

    def __init__(self, name: str, token: str) -> None:
        self.name = name
        self.token = token

    @classmethod
    def from_text(cls, text: str) -> "Stored":
        """Read the service's answer, one ``key: value`` a line."""
        entries = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
        return cls(entries["file_id"], entries["owner_token"])


def expect(status: int, answer: Answer) -> Answer:
    """The answer, if it has this status.

    Raises:
        RuntimeError: it has another one.
    """
    if answer.status != status:
        raise RuntimeError(f"{answer.status} instead of {status}: {answer.text[:500]}")
    return answer


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
