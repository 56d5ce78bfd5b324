"""A connection whose every byte the test decides, for what no well-behaved client sends."""

import contextlib
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """One answer as it came.

    Attributes:
        status: Its status; 0 if the connection ended without one.
        headers: Names in lower case.
        body: All of it.
    """

    status: int
    headers: dict[str, str]
    body: bytes


class Wire:
    """One connection to a service.

    Args:
        port: Where it listens on 127.0.0.1.
    """

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self._reader = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        """Send all of this."""
        self.socket.sendall(data)

    def end(self) -> None:
        """Say that nothing more will be sent, and go on listening."""
        self.socket.shutdown(socket.SHUT_WR)

    def vanish(self) -> None:
        """End the connection by a reset, as a machine that lost its power would after a while."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.close()

    def close(self) -> None:
        """Close it."""
        self._reader.close()
        self.socket.close()

    def answer(self) -> Answer:
        """Read the next answer, interim ones (100) left out."""
        while True:
            line = self._reader.readline()
            if not line:
                return Answer(0, {}, b"")
            status = int(line.split()[1])
            headers = {}
            while (line := self._reader.readline().strip()) != b"":
                name, _, value = line.decode("latin-1").partition(":")
                headers[name.lower()] = value.strip()
            if status != 100:
                body = self._reader.read(int(headers["content-length"])) if "content-length" in headers else b""
                return Answer(status, headers, body or self._rest(headers))

    def _rest(self, headers: dict[str, str]) -> bytes:
        return b"" if "content-length" in headers else self._reader.read()


@contextlib.contextmanager
def wire(port: int) -> Iterator[Wire]:
    """A connection that is closed with the block."""
    connection = Wire(port)
    try:
        yield connection
    finally:
        connection.close()


def request(line: str, *headers: str, body: bytes = b"") -> bytes:
    """A request's bytes, with a ``Host`` and nothing else that was not asked for."""
    lines = [f"{line} HTTP/1.1", *headers]
    if not any(re.match("host:", header, re.IGNORECASE) for header in headers):
        lines.append("Host: 127.0.0.1")
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(*pieces: bytes) -> bytes:
    """A body in chunks."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))


def exchange(port: int, data: bytes) -> Answer:
    """Send this on a connection of its own, and read one answer."""
    with wire(port) as connection:
        connection.send(data)
        return connection.answer()
