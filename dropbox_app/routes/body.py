"""The body of a request, read as it comes: into the caller's own buffer, counted, and never into a file.

This is the one module that knows gunicorn's reader. Under gunicorn a body of announced length is received straight
from the socket into a buffer that is used over and over; reading it through ``wsgi.input`` allocates a new megabyte for
each read, which costs half of the speed. Under any other WSGI server, and for chunked bodies, ``wsgi.input`` is read.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

from flask import Flask, Request, Response, g, request
from gunicorn.http.body import Body as GunicornBody
from gunicorn.http.body import LengthReader
from gunicorn.http.errors import ParseException

from dropbox_app.errors import BadRequest, TooLarge, UnsupportedMediaType

PIECE = 2**20
"""Bytes that are read, sealed and written at a time."""
_SLOWEST = 1024
"""Bytes a second that a body has to have on average, once `_PATIENCE` is over."""
_PATIENCE = 60.0
_LINGER = 15.0
"""Seconds for which the rest of a refused body is read and thrown away, so that its sender sees the answer."""
_LINGER_PAUSE = 2.0


class RequestBody:
    """Reads one request's body.

    Args:
        environ: The WSGI environment.
        limit: The most bytes that are taken.

    Raises:
        BadRequest: the announced length is no number.
    """

    def __init__(self, environ: dict[str, Any], limit: int) -> None:
        self._input = environ["wsgi.input"]
        self._limit = limit
        self._read = 0
        self._began = time.monotonic()
        self._over = False
        text = environ.get("CONTENT_LENGTH") or None
        if text is not None and not (text.isascii() and text.isdigit()):
            raise BadRequest("Content-Length is not a number")
        chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
        self.length: int | None = None if chunked else int(text or 0)
        """Bytes that were announced; None for a chunked body."""
        codings = {coding.strip().lower() for coding in environ.get("HTTP_TRANSFER_ENCODING", "").split(",")}
        if codings - {"", "identity", "chunked"}:
            raise UnsupportedMediaType("a body is taken as it is, not compressed for its transfer")
        self._connection: socket.socket | None = environ.get("gunicorn.socket")
        self._socket = self._direct_socket(environ)

    def check_limit(self) -> None:
        """Refuse a body that announces too much, before any of it is read.

        Raises:
            TooLarge: it does.
        """
        if self.length is not None and self.length > self._limit:
            raise TooLarge(self._limit)

    def _direct_socket(self, environ: dict[str, Any]) -> socket.socket | None:
        connection = environ.get("gunicorn.socket")
        reads_length = isinstance(self._input, GunicornBody) and isinstance(self._input.reader, LengthReader)
        # An encrypted socket is a subclass, and would give sealed bytes.
        return connection if reads_length and type(connection) is socket.socket else None

    @property
    def is_direct(self) -> bool:
        """Whether bytes come straight from the socket."""
        return self._socket is not None

    def read_into(self, buffer: memoryview) -> int:
        """Fill the buffer; fewer bytes only at the body's end.

        Raises:
            BadRequest: the body ended before its announced length, or is badly chunked.
            TooLarge: a body of unknown length goes beyond the limit.
        """
        done = 0
        while done < len(buffer):
            count = self.read_some(buffer[done:])
            if not count:
                break
            done += count
        return done

    def read_some(self, buffer: memoryview) -> int:
        """Put what comes next into the buffer, without waiting for it to be full; 0 at the body's end."""
        if self.finished:
            return 0
        room = len(buffer) if self.length is None else min(len(buffer), self.length - self._read)
        try:
            count = self._receive(buffer[:room])
        except (OSError, ParseException) as error:
            self._over = True
            self._end_connection()
            raise BadRequest("the body could not be read to its end") from error
        self._read += count
        self._check_pace()
        if not count:
            self._over = True
            if self.length is not None:
                raise BadRequest("the body ended before its announced length")
        if self._read > self._limit:
            raise TooLarge(self._limit)
        return count

    def _end_connection(self) -> None:
        """Let gunicorn close the connection, instead of waiting for the rest of the body for as long as it trickles."""
        if isinstance(self._input, GunicornBody):
            self._input.failed = True

    def _check_pace(self) -> None:
        """Give up a body that comes so slowly that it can only mean to hold a thread."""
        seconds = time.monotonic() - self._began
        if seconds > _PATIENCE and self._read < seconds * _SLOWEST:
            self._over = True
            self._end_connection()
            raise BadRequest("the body comes too slowly")

    def _receive(self, buffer: memoryview) -> int:
        if self._socket is None:
            data = self._input.read(len(buffer))
            buffer[: len(data)] = data
            return len(data)
        reader = self._input.reader
        ahead = reader.unreader.take_buffered()
        if ahead:
            count = min(len(ahead), len(buffer))
            buffer[:count] = ahead[:count]
            reader.unreader.unread(ahead[count:])
        else:
            count = self._socket.recv_into(buffer)
        # So gunicorn knows where the next request on this connection begins.
        reader.length -= count
        return count

    @property
    def finished(self) -> bool:
        """Whether nothing more will come."""
        return self._over or self._read == self.length

    def linger(self) -> None:
        """Read on for a while after an answer that came early.

        Closing a connection on which unread bytes lie resets it, and the answer is lost with it (RFC 9112, 9.6).
        """
        scrap = memoryview(bytearray(2**18))
        deadline = time.monotonic() + _LINGER
        self._limit = 2**63
        if self._connection is None or not isinstance(self._input, GunicornBody):
            return
        with contextlib.suppress(BadRequest, OSError):
            self._connection.settimeout(_LINGER_PAUSE)
            while time.monotonic() < deadline and not self.finished:
                # A chunked body is not read as such any more: a chunk that trickles in would be waited for.
                if not (self.read_some(scrap) if self._socket else self._connection.recv_into(scrap)):
                    break
        with contextlib.suppress(OSError):
            self._connection.settimeout(None)
        if not self.finished:
            self._end_connection()

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Give the body so long to come; then it ends, wherever it is."""
        if self._connection is None:
            yield
            return
        timer = threading.Timer(seconds, _end, (self._connection,))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _end(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RD)


def open_body(request: Request, limit: int) -> RequestBody:
    """The body of the present request, whose rest is read after the answer if a handler has left any."""
    g.body = RequestBody(request.environ, limit)
    return g.body  # type: ignore[no-any-return]


def install(app: Flask) -> None:
    """Let answers that came early reach clients that are still sending."""

    @app.after_request
    def read_rest(response: Response) -> Response:
        if request.method not in ("GET", "HEAD"):
            body: RequestBody | None = g.get("body")
            if body is not None and not body.finished:
                response.call_on_close(body.linger)
        return response
