"""Connections that break, stall or lie, by raw sockets: nothing is left behind, and the service goes on."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.server import Service, running
from tests.service.visitor import fetch, leave
from tests.service.wire import Answer, Wire, chunked, exchange, request, wire

BIG = os.urandom(3_000_000)
FORM_START = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
FORM_END = b"\r\n--B--\r\n"
FORM_TYPE = "Content-Type: multipart/form-data; boundary=B"
CHUNKED = "Transfer-Encoding: chunked"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that takes at most 1 MiB."""
    with running(tmp_path_factory.mktemp("small"), DROP_MAX_SIZE="1 MiB") as started:
        yield started


def assert_serves(service: Service) -> None:
    """The service goes on as before."""
    assert fetch(service, leave(service, b"still here")).content == b"still here"


HALVES = {
    "PUT with a length": request("PUT /a", f"Content-Length: {2 * len(BIG)}") + BIG,
    "PUT in chunks": request("PUT /a", CHUNKED) + chunked(BIG)[:-5],
    "PUT in the middle of a chunk": request("PUT /a", CHUNKED) + chunked(BIG)[:-1000],
    "PUT in the middle of a chunk's size": request("PUT /a", CHUNKED) + chunked(BIG)[:-7] + b"\r\nfff",
    "PUT without the last line break": request("PUT /a", CHUNKED) + chunked(BIG)[:-2],
    "form": request("POST /", f"Content-Length: {2 * len(BIG)}", FORM_TYPE) + FORM_START + BIG,
    "form in chunks": request("POST /", CHUNKED, FORM_TYPE) + chunked(FORM_START, BIG)[:-5],
    "form in a part's headers": request("POST /", "Content-Length: 9999", FORM_TYPE) + FORM_START[:40],
    "form with all parts and too long a length": request("POST /", "Content-Length: 9999", FORM_TYPE)
    + FORM_START + FORM_END,
    "headers": b"PUT /a HTTP/1.1\r\nContent-Le",
}  # fmt: skip


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("way", ["reset", "closed", "half-closed"])
def test_a_client_that_vanishes(service: Service, half: str, way: str) -> None:
    """A client that is gone in the middle of an upload leaves nothing, neither drop nor part, within seconds.

    One that only stops sending is told 400.
    """
    service.wait_until_tidy()
    before = service.stored()
    connection = Wire(service.port)
    connection.send(HALVES[half])
    deadline = time.monotonic() + 0.3
    while half != "headers" and not service.unfinished() and time.monotonic() < deadline:
        time.sleep(0.01)
    if way == "reset":
        connection.vanish()
    elif way == "closed":
        connection.close()
    else:
        connection.end()
        answer = connection.answer()
        connection.close()
        assert answer.status == (0 if half == "headers" else 400)
    service.wait_until_tidy()
    assert service.stored() == before


@pytest.mark.parametrize(
    "body",
    [
        b"zz\r\nabc\r\n0\r\n\r\n",
        b"-1\r\nabc\r\n0\r\n\r\n",
        b"5\r\nabc\r\n0\r\n\r\n",
        b"3\nabc\n0\n\n",
        b"3\r\nabc0\r\n\r\n",
        b"5;=\x01\r\nhello\r\n0\r\n\r\n",
        b"f" * 9000 + b"\r\n",
        chunked(BIG)[:-5] + b"x\r\n\r\n",
        chunked(b"abc")[:-2] + b"bad trailer\r\n\r\n",
    ],
)
@pytest.mark.parametrize("path", ["PUT /a", "POST /"])
def test_bad_chunks(service: Service, body: bytes, path: str) -> None:
    """Bad chunked encoding: 400, nothing kept, and nothing behind it is taken for another request."""
    before = service.stored()
    with wire(service.port) as connection:
        headers = (CHUNKED,) if path.startswith("PUT") else (CHUNKED, FORM_TYPE)
        connection.send(request(path, *headers, body=body) + request("GET /healthz"))
        connection.end()
        answer = connection.answer()
        assert answer.status == 400
        assert b"alive" not in connection.answer().body
    service.wait_until_tidy()
    assert service.stored() == before


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: 5", CHUNKED),
        ("Content-Length: -1",),
        ("Content-Length: +5",),
        ("Content-Length: 5_0",),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding: gzip, chunked",),
        ("Transfer-Encoding : chunked",),
        ("Bad Header: x",),
        ("X: a\x00b",),
        *[("Host: a", "Host: b")],
    ],
)
def test_requests_that_smuggle(service: Service, headers: tuple[str, ...]) -> None:
    """What two servers could read differently is refused, its connection closed, and nothing is kept."""
    before = service.stored()
    with wire(service.port) as connection:
        connection.send(request("PUT /a", *headers, body=b"hello") + request("GET /healthz"))
        answer = connection.answer()
        assert answer.status in (400, 415, 501)
        assert b"alive" not in connection.answer().body
    assert service.stored() == before


class Sender(threading.Thread):
    """Sends more and more on a connection until it cannot any more, as a client does that does not listen."""

    def __init__(self, connection: Wire, piece: bytes, most: int, pause: float = 0) -> None:
        super().__init__(daemon=True)
        self._pause = pause
        self._connection = connection
        self._piece = piece
        self._most = most
        self.sent = 0

    def run(self) -> None:
        """Send."""
        with contextlib.suppress(OSError):
            while self.sent < self._most:
                self._connection.send(self._piece)
                self.sent += len(self._piece)
                time.sleep(self._pause)


def send_on(service: Service, head: bytes, most: int, *, in_chunks: bool) -> tuple[Answer, int]:
    """Send a head and then body without end, listening only after a while; the answer, and how much was sent."""
    with wire(service.port) as connection:
        connection.send(head)
        piece = b"x" * 2**16
        sender = Sender(connection, b"%x\r\n%s\r\n" % (len(piece), piece) if in_chunks else piece, most)
        sender.start()
        time.sleep(0.7)
        answer = connection.answer()
    sender.join(20)
    return answer, sender.sent


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (request("PUT /a", "Content-Length: 20000000"), 413),
        (request("POST /", "Content-Length: 20000000", FORM_TYPE) + FORM_START, 413),
        (request("POST /", "Content-Length: 20000000", "Content-Type: text/plain"), 413),
        (request("POST /", "Content-Length: 2000000", "Content-Type: text/plain"), 415),
        (request("PUT /a?query", "Content-Length: 20000000"), 400),
        (request("PUT /a", "Content-Length: 1000000", "First-Password: x", "Second-Password: x"), 422),
        (request("PUT /", "Content-Length: 20000000"), 405),
        (request("PUT /a/b", "Content-Length: 20000000"), 405),
        (request("POST /nowhere", "Content-Length: 20000000"), 405),
        (request("POST /d/malformed", "Content-Length: 20000000"), 404),
        (request("POST /download", "Content-Length: 20000000"), 415),
        (request("POST /owner", "Content-Length: 20000000"), 415),
        (request("PUT /a", "Host: elsewhere.example", "Content-Length: 20000000"), 400),
    ],
)
def test_a_refusal_reaches_who_goes_on_sending(small: Service, head: bytes, status: int) -> None:
    """An upload that is refused before its body is read: the sender, still sending, gets the answer all the same."""
    answer, _ = send_on(small, head, 20_000_000, in_chunks=False)
    assert answer.status == status
    assert int(answer.headers["content-length"]) == len(answer.body)
    small.wait_until_tidy()


@pytest.mark.parametrize("path", ["PUT /a", "POST /"])
def test_an_announced_size_is_refused_at_once(small: Service, path: str) -> None:
    """413 comes although not one byte of the body has."""
    began = time.monotonic()
    answer = exchange(small.port, request(path, "Content-Length: 3000000", FORM_TYPE))
    assert answer.status == 413
    assert b"1048576" in exchange(small.port, request("PUT /a", "Content-Length: 3000000")).body
    assert time.monotonic() - began < 1.5


@pytest.mark.parametrize(
    "head",
    [
        request("PUT /a", CHUNKED),
        request("POST /", CHUNKED, FORM_TYPE) + b"%x\r\n%s\r\n" % (len(FORM_START), FORM_START),
    ],
)
def test_chunks_beyond_the_limit(small: Service, head: bytes) -> None:
    """A body of unknown length is cut at the limit: 413, which its sender receives, and nothing is kept."""
    before = small.stored()
    answer, _ = send_on(small, head, 30_000_000, in_chunks=True)
    assert answer.status == 413
    small.wait_until_tidy()
    assert small.stored() == before


def test_the_limit_itself_is_taken(small: Service) -> None:
    """Exactly as much as one drop may have is taken every way, and one byte more is not."""
    most = bytes(2**20)
    assert exchange(small.port, request("PUT /a", f"Content-Length: {len(most)}", body=most)).status == 201
    assert exchange(small.port, request("PUT /a", CHUNKED, body=chunked(most))).status == 201
    assert exchange(small.port, request("PUT /a", CHUNKED, body=chunked(most + b"x"))).status == 413
    for content, status in ((most, 201), (most + b"x", 413)):
        body = FORM_START + content + FORM_END
        assert (
            exchange(small.port, request("POST /", f"Content-Length: {len(body)}", FORM_TYPE, body=body)).status
            == status
        )
    halves = FORM_START + most[: 2**19] + b"\r\n" + FORM_START + most[: 2**19 + 1] + FORM_END
    assert (
        exchange(small.port, request("POST /", f"Content-Length: {len(halves)}", FORM_TYPE, body=halves)).status == 413
    )
    small.wait_until_tidy()


def test_who_takes_too_much_time_is_given_up(small: Service) -> None:
    """Whoever goes on sending without end after a refusal is not listened to for long.

    Neither that, nor sixty clients that send nothing or half a request, keeps others from being served meanwhile.
    """
    with wire(small.port) as connection, contextlib.ExitStack() as stack:
        connection.send(request("PUT /a", CHUNKED))
        sender = Sender(connection, b"10000\r\n" + b"x" * 2**16 + b"\r\n", 2**50, pause=0.02)
        sender.start()
        for number in range(60):
            idle = stack.enter_context(wire(small.port))
            idle.send(b"GET / HT" if number % 2 else b"")
        began = time.monotonic()
        assert exchange(small.port, request("GET /healthz")).status == 200
        assert time.monotonic() - began < 2
        sender.join(40)
        assert not sender.is_alive()
    assert_serves(small)


@pytest.mark.parametrize("in_chunks", [False, True])
def test_connections_are_used_again(service: Service, *, in_chunks: bool) -> None:
    """After an upload the same connection serves on, also what was sent right behind the body."""
    body = BIG[:100_001]
    put = request("PUT /a", CHUNKED if in_chunks else f"Content-Length: {len(body)}")
    put += chunked(body) if in_chunks else body
    with wire(service.port) as connection:
        for _ in range(2):
            connection.send(put)
            assert connection.answer().status == 201
        connection.send(put + request("GET /healthz") + put + request("GET /readyz"))
        assert [connection.answer().status for _ in range(4)] == [201, 200, 201, 200]
        multipart = FORM_START + body + FORM_END
        post = request("POST /", f"Content-Length: {len(multipart)}", FORM_TYPE, "Accept: text/plain", body=multipart)
        connection.send(post + request("GET /healthz"))
        assert connection.answer().status == 201
        assert b"alive" in connection.answer().body


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (("PUT /a?query",), 400),
        (("PUT /a/b",), 405),
        (("PUT /a", "Lifetime: soon"), 422),
        (("POST /", "Content-Type: text/plain"), 415),
        (("POST /", "Content-Type: multipart/form-data; boundary=B"), 400),
        (("POST /d/malformed",), 404),
        (("POST /download",), 415),
        (("POST /nowhere",), 405),
    ],
)
@pytest.mark.parametrize("in_chunks", [False, True])
def test_connections_are_used_again_after_a_refusal(
    service: Service, head: tuple[str, ...], status: int, *, in_chunks: bool
) -> None:
    """After a refused request, of which the body was on its way, the next one on the connection is read rightly.

    Or not at all: where a chunked body ends is not looked for, and the connection is closed instead.
    """
    body = request("GET /about") * 900
    announced = CHUNKED if in_chunks else f"Content-Length: {len(body)}"
    with wire(service.port) as connection:
        connection.send(request(*head, announced, body=chunked(body) if in_chunks else body))
        assert connection.answer().status == status
        connection.send(request("GET /healthz"))
        next_answer = connection.answer()
        assert b'"alive": true' in next_answer.body or (in_chunks and next_answer.status == 0)


def test_expect_continue(service: Service) -> None:
    """A client that waits for leave to send its body, as curl does, gets it, and the upload goes through."""
    with wire(service.port) as connection:
        connection.send(request("PUT /a", "Content-Length: 5", "Expect: 100-continue"))
        connection.socket.settimeout(5)
        assert connection.socket.recv(25, socket.MSG_PEEK).startswith(b"HTTP/1.1 100")
        connection.send(b"hello")
        assert connection.answer().status == 201


def handles(service: Service) -> int:
    """Open files of all workers, connections included."""
    return sum(process.num_fds() for process in service.processes()[1:])


def threads(service: Service) -> list[str]:
    """Names of threads that belong to a transfer."""
    names = []
    for process in service.processes()[1:]:
        for thread in process.threads():
            with contextlib.suppress(OSError):
                names.append(Path(f"/proc/{process.pid}/task/{thread.id}/comm").read_text().strip())
    return names


def test_a_client_that_vanishes_in_a_download(service: Service) -> None:
    """Downloads that break off let go of their file, connection and threads within seconds."""
    drop = leave(service, BIG * 10)
    body = "&".join(f"{name}={value.replace(' ', '+')}" for name, value in drop.passwords.items()).encode()
    kind = "Content-Type: application/x-www-form-urlencoded"
    post = request(f"POST /d/{drop.file_id}", kind, f"Content-Length: {len(body)}", body=body)
    assert fetch(service, drop).status_code == 200
    open_before, threads_before = handles(service), len(threads(service))
    for _ in range(6):
        connection = Wire(service.port)
        connection.send(post)
        assert connection.socket.recv(100_000)
        connection.vanish()
    target = str(service.container(drop.file_id))
    deadline = time.monotonic() + 8
    while time.monotonic() < deadline:
        held = [
            file.path for process in service.processes()[1:] for file in process.open_files() if file.path == target
        ]
        if not held and handles(service) <= open_before + 4 and len(threads(service)) <= threads_before + 16:
            break
        time.sleep(0.05)
    assert held == []
    assert handles(service) <= open_before + 4
    assert fetch(service, drop).content == BIG * 10
