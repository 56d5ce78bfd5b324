"""gunicorn's threaded worker, in which no client can hold the main loop, or a thread by sending no request."""

import select
import socket
import time
from typing import Any

from gunicorn import util
from gunicorn.workers.gthread import _DEFER, ThreadWorker

from dropbox_app.routes.headers import ALWAYS, UNLESS_SET

_COMMON_HEAD, _HEAD = 4 * 1024, 64 * 1024
"""Bytes that a request commonly has before its body, and the most that it may have."""
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
            # The main loop would do this, and wait two seconds for each client that does not close. Waiting is of use
            # only where bytes lie unread, which would reset the connection and take the answer with it.
            (util.close_graceful if _polled(conn.sock, select.POLLIN) else util.close)(conn.sock)
            conn.close = _closed_already
        return kept

    def _serve(self, conn: Any) -> Any:
        come = _peek(conn.sock)
        ahead = conn.parser.unreader.buf.getvalue() if conn.parser else b""
        if b"\r\n\r\n" in ahead[-_HEAD:] + (come or b""):
            if getattr(conn, "since", None) is not None:
                conn.since = None
                conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
            return super().handle(conn)
        conn.since = getattr(conn, "since", None) or time.monotonic()
        late = time.monotonic() - conn.since > _HEAD_SECONDS
        if come is None or len(come) >= _HEAD or late or _polled(conn.sock, select.POLLRDHUP):
            return False
        # The poller wakes up when there is more than what has been looked at.
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, len(come) + 1)
        return _DEFER


def _peek(sock: Any) -> bytes | None:
    """What has come, without taking it; None once nothing more will."""
    try:
        come = sock.recv(_COMMON_HEAD, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        if len(come) == _COMMON_HEAD:
            come = sock.recv(_HEAD, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return b""
    except OSError:
        return None
    return come or None


def _closed_already(graceful: bool = False) -> None:
    """Nothing is left to be closed."""


def _polled(sock: Any, event: int) -> bool:
    """Whether this is so now: bytes have come that nobody read, or the client will send no more."""
    poll = select.poll()
    try:
        poll.register(sock, event)
        return any(found & event for _, found in poll.poll(0))
    except (OSError, ValueError):
        return False
