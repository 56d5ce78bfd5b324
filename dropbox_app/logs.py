"""Logs that tell what happened to the service and nothing about who used it.

No addresses, file IDs, names, query strings or user agents: errors are told by their kind and place, without their
messages, which may quote what was sent.
"""

import logging
import sys
import traceback
from typing import Any

from gunicorn.glogging import Logger

_FORMAT = "%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s"


class QuietFormatter(logging.Formatter):
    """Formats an exception as its kinds and places, from cause to effect."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the base class's name
        """One line for each exception of the chain."""
        error: BaseException | None = ei[1]
        lines: list[str] = []
        told: set[int] = set()
        while error is not None and id(error) not in told:
            told.add(id(error))
            frames = traceback.extract_tb(error.__traceback__)
            places = " > ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames)
            lines.append(f"  {type(error).__name__} at {places or '?'}")
            error = error.__cause__ or error.__context__
        return "\n".join(lines)


class _NoRequests(logging.Filter):
    """Takes out of gunicorn's messages what they quote of a request or a client."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record in place, and let it pass."""
        text = str(record.msg)
        if text.startswith("Invalid request from ip="):
            record.msg, record.args = "Invalid request", ()
        elif text.startswith("Error handling request"):
            record.msg, record.args = "Error handling a request", ()
        return True


class GunicornLogger(Logger):  # type: ignore[misc]
    """gunicorn's logger without what it says about clients. It keeps no access log at all."""

    def setup(self, cfg: Any) -> None:
        """Configure as gunicorn does, then put the filter and the formatter in."""
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(QuietFormatter(_FORMAT))
            handler.addFilter(_NoRequests())

    def access(self, *_: Any) -> None:
        """Nothing is kept of a request."""


def configure() -> None:
    """Send the application's own log to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(QuietFormatter(_FORMAT))
    logger = logging.getLogger("dropbox_app")
    logger.setLevel(logging.INFO)
    logger.handlers = [handler]
    logger.propagate = False
