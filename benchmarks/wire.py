"""Raw sockets, so that the client costs little and every moment that is timed is well defined."""

import os
import select
import socket
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks import KIB, MIB

_PATIENCE = 300.0
_PIECE = memoryview(os.urandom(MIB))
_BOUNDARY = "benchmark-boundary"


@dataclass
class Answer:
    """One answer and its times, in seconds.

    Attributes:
        status: The HTTP status.
        size: Bytes of its body.
        text: The body, if it is short.
        sent: From the first body byte sent until the last was taken by the socket.
        first: From the end of the request's head until the answer's first body byte (its head, if it has no body).
        last: From the first body byte of the answer to the last.
        answered: From the first body byte sent to the end of the answer.
    """

    status: int = 0
    size: int = 0
    text: str = ""
    sent: float = 0.0
    first: float = 0.0
    last: float = 0.0
    answered: float = 0.0


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _head(method: str, path: str, headers: dict[str, str], length: int) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {length}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def exchange(  # noqa: PLR0917 - jobs name them all
    port: int,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes = b"",
    size: int = 0,
    tail: bytes = b"",
    pause: float = 0.0,
) -> Answer:
    """One request and its answer.

    Args:
        port: Where the server listens, on 127.0.0.1.
        method: HTTP method.
        path: The path.
        headers: More headers.
        body: What the body begins with.
        size: Random bytes that follow it.
        tail: What the body ends with.
        pause: Seconds to wait between what the body begins with and the rest; the times count from then on.
    """
    with _connect(port) as connection:
        connection.sendall(_head(method, path, headers, len(body) + size + len(tail)))
        answer = Answer()
        start = time.perf_counter()
        try:
            if body:
                connection.sendall(body)
            if pause:
                time.sleep(pause)
                start = time.perf_counter()
            for offset in range(0, size, MIB):
                connection.sendall(_PIECE[: size - offset])
            if tail:
                connection.sendall(tail)
        except (BrokenPipeError, ConnectionResetError):
            pass  # Refused before the end; the answer says why.
        answer.sent = time.perf_counter() - start
        _receive(connection, answer, start)
        answer.answered = time.perf_counter() - start
    return answer


def _receive(connection: socket.socket, answer: Answer, start: float) -> None:
    buffer = memoryview(bytearray(MIB))
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(64 * KIB)
        if not piece:
            raise ConnectionError(f"the server closed the connection within the head of its answer: {head!r}")
        head += piece
    head, _, kept = head.partition(b"\r\n\r\n")
    while not kept and (piece := connection.recv(64 * KIB)):
        kept = piece
    first = time.perf_counter()
    answer.first = first - start
    answer.status = int(head.split(b" ", 2)[1])
    count = len(kept)
    while got := connection.recv_into(buffer):
        if count < 64 * KIB:
            kept += buffer[:got]
        count += got
    answer.last = time.perf_counter() - first
    answer.size = count
    answer.text = kept.decode(errors="replace") if count <= 64 * KIB else ""
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:") and int(line.partition(b":")[2]) != count:
            raise ConnectionError(f"{count} bytes came of {line.decode()}")


def send_form(port: int, fields: dict[str, str], size: int, headers: dict[str, str], pause: float = 0.0) -> Answer:
    """Upload a file of `size` random bytes as a browser's form does; the pause is before its first byte."""
    parts = [
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    parts.append(
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="form.bin"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    kind = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
    tail = f"\r\n--{_BOUNDARY}--\r\n".encode()
    return exchange(port, "POST", "/", headers | kind, "".join(parts).encode(), size, tail, pause)


def send_many(port: int, path: str, headers: dict[str, str], body: bytes, count: int) -> dict[str, int]:
    """Send the same POST on `count` connections at once; returns how often each status was answered."""
    statuses: Counter[str] = Counter()
    gate = threading.Barrier(count)

    def one() -> None:
        gate.wait()
        try:
            statuses[str(exchange(port, "POST", path, headers, body).status)] += 1
        except OSError as error:
            statuses[type(error).__name__] += 1

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return dict(statuses)


def load(port: int, path: str, connections: int, seconds: float) -> float:
    """GET one path over kept-alive connections, one request at a time on each; returns answers a second."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    poll = select.epoll()
    sockets = {}
    missing: dict[int, int] = {}
    for _ in range(connections):
        connection = _connect(port)
        sockets[connection.fileno()] = connection
        poll.register(connection, select.EPOLLIN)
        connection.sendall(request)
        missing[connection.fileno()] = 0
    buffer = bytearray(256 * KIB)
    answers, start = 0, time.perf_counter()
    while (now := time.perf_counter()) - start < seconds:
        for handle, _ in poll.poll(1):
            connection = sockets[handle]
            got = connection.recv_into(buffer)
            if not got:
                raise ConnectionError("the server closed a connection that was to be kept")
            if not missing[handle]:
                missing[handle] = _answer_size(bytes(buffer[:got]))
            missing[handle] -= got
            if not missing[handle]:
                answers += 1
                connection.sendall(request)
    poll.close()
    for connection in sockets.values():
        connection.close()
    return answers / (now - start)


def _answer_size(beginning: bytes) -> int:
    """The length of a whole answer, of which the head has come in one piece."""
    head, end, _ = beginning.partition(b"\r\n\r\n")
    if not end or b" 200 " not in head[:16]:
        raise ConnectionError(f"not the answer that was expected: {head[:100]!r}")
    lengths = [
        int(line.partition(b":")[2]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
    ]
    return len(head) + 4 + lengths[0]


def do(job: dict[str, Any]) -> Any:
    """Do one job that was asked for by name."""
    what = job.pop("do")
    for name in ("body", "tail"):
        if name in job:
            job[name] = job[name].encode()
    if what == "exchange":
        return asdict(exchange(**job))
    if what == "form":
        return asdict(send_form(**job))
    if what == "many":
        return send_many(**job)
    if what == "load":
        return load(**job)
    raise ValueError(what)
