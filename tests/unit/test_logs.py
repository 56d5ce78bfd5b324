"""Logs tell what happened to the service and nothing about who used it."""

import io
import logging
import sys
from types import SimpleNamespace

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import InvalidHeader, InvalidRequestLine
from gunicorn.workers.base import Worker

from dropbox_app import logs
from dropbox_app.logs import GunicornLogger, QuietFormatter

MARK = "canary-7f3a"
ADDRESS = "203.0.113.77"


def formatted(error: BaseException) -> str:
    """What the log says of this error."""
    record = logging.LogRecord(
        "x", logging.ERROR, "x.py", 1, "it failed", (), (type(error), error, error.__traceback__)
    )
    return QuietFormatter("%(message)s").format(record)


def caught(cause: BaseException | None = None) -> BaseException:
    """An error that was raised, with a message that must not be told."""
    try:
        raise ValueError(MARK) from cause  # noqa: TRY301 - raised to be caught
    except ValueError as error:
        return error


def test_messages_are_never_told() -> None:
    """Of an error, its kind and places are told; of its message and arguments, nothing."""
    text = formatted(caught())
    assert MARK not in text
    assert text.startswith("it failed\n  ValueError at test_logs.py:")


def test_the_whole_chain() -> None:
    """Causes and contexts are told the same way."""
    try:
        try:
            raise KeyError(MARK)  # noqa: TRY301 - raised to be caught
        except KeyError:
            raise OSError(5, MARK, f"/tmp/{MARK}") from caught(caught())  # noqa: S108 - a chain of errors
    except OSError as error:
        text = formatted(error)
    assert MARK not in text
    assert [line.split()[0] for line in text.splitlines()[1:]] == ["OSError", "ValueError", "ValueError", "KeyError"]


@pytest.mark.parametrize(
    "error",
    [
        UnicodeDecodeError("utf-8", MARK.encode(), 0, 1, MARK),
        SystemExit(MARK),
        KeyboardInterrupt(MARK),
        ExceptionGroup(MARK, [ValueError(MARK)]),
        type("Multiline\nName", (Exception,), {})(MARK),
    ],
)
def test_errors_of_every_kind(error: BaseException) -> None:
    """Also those that carry what was sent in odd places, notes included, and those that were never raised."""
    error.add_note(MARK)
    text = formatted(error)
    assert MARK not in text
    assert "at ?" in text


def test_a_circle_of_causes_ends() -> None:
    """Two errors that name each other as their cause are told once each."""
    one, two = ValueError(MARK), KeyError(MARK)
    one.__cause__, two.__cause__ = two, one
    assert len(formatted(one).splitlines()) == 3


def test_source_lines_are_not_told() -> None:
    """A traceback's source line may quote a constant; places are told as file and line alone."""
    assert "raise" not in formatted(caught())
    assert "/" not in formatted(caught())


class _Stream(io.StringIO):
    """Stands for standard error."""


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> tuple[Worker, _Stream]:
    """Gunicorn's own worker with our logger, as far as it writes to the log."""
    stream = _Stream()
    monkeypatch.setattr(sys, "stderr", stream)
    config = Config()
    config.set("errorlog", "-")
    config.set("loglevel", "info")
    log = GunicornLogger(config)
    worker = Worker.__new__(Worker)
    worker.cfg, worker.log = config, log
    return worker, stream


def _handle(worker: Worker, error: Exception, request: object) -> None:
    """Let gunicorn handle an error of a request from `ADDRESS`."""
    client = SimpleNamespace(sendall=lambda _: None, send=len, close=lambda: None, fileno=lambda: -1)
    try:
        raise error  # noqa: TRY301 - handled in an except block, as gunicorn does
    except Exception as raised:  # noqa: BLE001
        worker.handle_error(request, client, (ADDRESS, 5), raised)


@pytest.mark.parametrize("error", [InvalidRequestLine(f"GET /{MARK}"), InvalidHeader(f"X-{MARK}")])
def test_invalid_requests(worker: tuple[Worker, _Stream], error: Exception) -> None:
    """Gunicorn's real message about them names the client and quotes what was sent; ours does neither."""
    _handle(worker[0], error, None)
    text = worker[1].getvalue()
    assert "Invalid request" in text
    assert MARK not in text
    assert ADDRESS not in text


def test_failing_requests(worker: tuple[Worker, _Stream]) -> None:
    """Gunicorn's real message about an error in the application quotes the URI; ours does not."""
    request = SimpleNamespace(
        method="GET", uri=f"/d/{MARK}?{MARK}", path=f"/d/{MARK}", query=MARK, version=(1, 1),
        headers=[], proxy_protocol_info={},
        body=None, remote_addr=ADDRESS, scheme="http", must_close=lambda: None,
    )  # fmt: skip
    _handle(worker[0], RuntimeError(MARK), request)
    text = worker[1].getvalue()
    assert "Error handling a request" in text
    assert "RuntimeError at " in text
    assert MARK not in text
    assert ADDRESS not in text


def test_other_messages_pass(worker: tuple[Worker, _Stream]) -> None:
    """What tells of the service itself stays as it is, level, process and all."""
    worker[0].log.info("Listening at: %s", "http://127.0.0.1:8000")
    worker[0].log.warning("Worker exited with code %s", 1)
    assert "Listening at: http://127.0.0.1:8000" in worker[1].getvalue()
    assert "WARNING" in worker[1].getvalue()


def test_no_access_log(worker: tuple[Worker, _Stream]) -> None:
    """Nothing is kept of a request that went well."""
    worker[0].log.access(SimpleNamespace(status="200"), SimpleNamespace(), {"REMOTE_ADDR": ADDRESS}, None)
    assert worker[1].getvalue() == ""


def test_the_applications_own_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes to standard error, once, without messages of errors, however often it is configured."""
    logger, stream = logging.getLogger("dropbox_app"), _Stream()
    for name in ("handlers", "level", "propagate"):
        monkeypatch.setattr(logger, name, getattr(logger, name))
    monkeypatch.setattr(sys, "stderr", stream)
    logs.configure()
    logs.configure()
    try:
        raise ValueError(MARK)  # noqa: TRY301 - raised to be caught
    except ValueError:
        logging.getLogger("dropbox_app.drops").exception("it failed")
    text = stream.getvalue()
    assert text.count("it failed") == 1
    assert "ValueError at test_logs.py:" in text
    assert MARK not in text
