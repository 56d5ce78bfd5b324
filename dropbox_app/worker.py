"""gunicorn's threaded worker, in which no client can hold the main loop, or a thread by sending no request."""

import contextlib
import select
import socket
import time
from typing import Any

from gunicorn import util
from gunicorn.workers.gthread import _DEFER, ThreadWorker

from dropbox_app.routes.headers import ALWAYS, UNLESS_SET

_HEAD = 64 * 1024
"""The most bytes that a request may have before its body."""
_HEAD_SECONDS = 15.0
"""How long they may take to come."""


def _refuse(sock: Any, status: int, reason: str, _: str) -> None:
    """The answer to what is no request: it has the headers of every answer, and nothing of what was sent."""
    text = f"{reason}\n"
    headers = {**dict(UNLESS_SET), **dict(ALWAYS), "Content-Type": "text/plain; charset=utf-8", "Connection": "close"}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    util.write_nonblock(
        sock, f"HTTP/1.1 {status} {reason}\r\n{head}Content-Length: {len(text)}\r\n\r\n{text}".encode("latin-1")
    )


util.write_error = _refuse


class Worker(ThreadWorker):  # type: ignore[misc]
    """Takes a thread for a request once its head is there, and closes connections in that thread."""

    def handle(self, conn: Any) -> Any:
        """Serve a request, unless it has yet to come."""
        kept = self._serve(conn)
        if kept is False:
            # gunicorn's main loop would do this, and wait two seconds for each client that does not close.
            (util.close_graceful if _readable(conn.sock) else util.close)(conn.sock)
            conn.close = _closed_already
        return kept

    def _serve(self, conn: Any) -> Any:
        ahead = conn.parser.unreader.buf.getvalue() if conn.parser else b""
        come = b""
        with contextlib.suppress(BlockingIOError):
            try:
                come = conn.sock.recv(_HEAD, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            except OSError as error:
                if not isinstance(error, BlockingIOError):
                    return False
                raise
            if not come:
                return False
        if b"\r\n\r\n" in ahead[-_HEAD:] + come:
            conn.since = None
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
            return super().handle(conn)
        conn.since = getattr(conn, "since", None) or time.monotonic()
        if len(come) >= _HEAD or time.monotonic() - conn.since > _HEAD_SECONDS:
            return False
        # The poller wakes up when there is more than what has been looked at.
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, len(come) + 1)
        return _DEFER


def _closed_already(graceful: bool = False) -> None:
    """Nothing is left to be closed."""


def _readable(sock: Any) -> bool:
    """Whether bytes have come that nobody read: only then would closing reset the connection."""
    poll = select.poll()
    try:
        poll.register(sock, select.POLLIN)
        return bool(poll.poll(0))
    except (OSError, ValueError):
        return False
