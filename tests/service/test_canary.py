"""A marked file, name, note and passwords go every way; the marks are found nowhere but in the answers."""

import base64
import os
import re
import secrets
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import pytest
import requests

from dropbox_app.drops.file_ids import blob_name
from dropbox_app.model import FileId
from tests.service.server import Service, running
from tests.service.visitor import JSON, Receipt, pieces, receipt
from tests.service.wire import Wire, chunked, exchange, request

MARK = f"Canary{secrets.token_hex(8)}"
"""Stands in the contents, the name, the note and both passwords of everything that is sent here."""
AGENT = f"Agent{secrets.token_hex(8)}"
FIRST, SECOND, NAME, NOTE = f"first {MARK} one", f"second {MARK} two", f"{MARK}.txt", f"a note of {MARK}"
CONTENT = (MARK.encode() + b" ") * 40_000
FORM = b"".join(
    b'--B\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name, value.encode())
    for name, value in ((b"first_password", FIRST), (b"second_password", SECOND), (b"note", NOTE))
) + b'--B\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n%s' % (NAME.encode(), CONTENT)
KIND = "Content-Type: multipart/form-data; boundary=B"
HEADERS = (f"First-Password: {FIRST}", f"Second-Password: {SECOND}", f"User-Agent: {AGENT}")


def spellings(mark: str) -> list[bytes]:
    """A text as it could have been written somewhere: in either case, in hex, in base64, in UTF-16, in percents."""
    raw = mark.encode()
    found = [
        raw.lower(),
        quote(mark).lower().encode(),
        "".join(f"%{byte:02x}" for byte in raw).encode(),
        raw.hex().encode(),
    ]
    for shift in range(3):
        # What lies in the middle of a base64 text, wherever in a group of three it began.
        encoded = base64.b64encode(b"x" * shift + raw)
        found.append(encoded[(shift * 8 + 5) // 6 + 1 : -4].lower())
    found += [mark.lower().encode(code) for code in ("utf-16-le", "utf-16-be")]
    return found


def places(service: Service) -> Iterator[Path]:
    """Every file that the service could have written: data, temporary files, shared memory, log."""
    yield from service.files()
    yield from (path for path in service.temporary.rglob("*") if path.is_file())
    yield from service.in_memory.iterdir()
    yield service.log


def find(service: Service, *marks: str) -> list[tuple[str, str]]:
    """Where one of the marks stands, in any spelling, also in the names of files."""
    found = []
    for path in places(service):
        try:
            content = (os.fsencode(path) + b"\0" + path.read_bytes()).lower()
        except FileNotFoundError:
            continue
        found += [(path.name, mark) for mark in marks for spelling in spellings(mark) if spelling in content]
    return found


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with a small limit, watched all the time for what it writes meanwhile."""
    with running(tmp_path_factory.mktemp("watched"), DROP_MAX_SIZE="4 MiB") as service:
        yield service


class Watch(threading.Thread):
    """Looks through all files again and again, for what is there only for a moment."""

    def __init__(self, service: Service) -> None:
        super().__init__(daemon=True)
        self._service = service
        self._over = threading.Event()
        self.rounds = 0
        self.found: list[tuple[str, str]] = []

    def run(self) -> None:
        """Look."""
        while not self._over.wait(0.02):
            self.found += find(self._service, MARK)
            self.rounds += 1

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()


def leave_every_way(service: Service) -> list[Receipt]:
    """Upload by PUT with a length, in chunks, and by the form, with the marks everywhere."""
    sent = {**JSON, "User-Agent": AGENT, "First-Password": FIRST, "Second-Password": SECOND}
    fields: dict[str, Any] = {"first_password": (None, FIRST), "second_password": (None, SECOND), "note": (None, NOTE)}
    agent = {**JSON, "User-Agent": AGENT}
    url = f"{service.url}/{NAME}"
    return [
        receipt(requests.put(url, data=CONTENT, headers=sent, timeout=60)),
        receipt(requests.put(url, data=pieces(CONTENT, 30_000), headers=sent, timeout=60)),
        receipt(requests.post(service.url, files={**fields, "file": (NAME, CONTENT)}, headers=agent, timeout=60)),
        receipt(requests.post(service.url, files=fields, headers=agent, timeout=60)),
    ]


def fetch_every_way(service: Service, drops: list[Receipt]) -> None:
    """Fetch by the link and as typed, in every shape, right and wrong, and ask as the owner."""
    agent = {"User-Agent": AGENT}
    passwords = {"first_password": FIRST, "second_password": SECOND}
    for drop in drops:
        assert MARK.encode() in requests.post(drop.link, data=passwords, headers=agent, timeout=60).content
        typed = {"file_id": drop.file_id, **passwords}
        assert requests.post(f"{service.url}/download", data=typed, headers=agent, timeout=60).ok
        for accept in ("text/html", "application/json", "text/plain"):
            wrong = {**passwords, "second_password": f"wrong {MARK}"}
            headers = {**agent, "Accept": accept}
            assert requests.post(drop.link, data=wrong, headers=headers, timeout=60).status_code == 403
        owned = {"file_id": drop.file_id, "owner_token": drop.owner_token}
        assert requests.post(f"{service.url}/owner", data=owned, headers=agent, timeout=60).ok


def go_wrong(service: Service) -> None:
    """Uploads that break off or are refused, and requests that are none, all full of marks."""
    length = f"Content-Length: {len(FORM) * 2}"
    for half in (
        request(f"PUT /{NAME}", *HEADERS, length) + CONTENT,
        request(f"PUT /{NAME}", *HEADERS, "Transfer-Encoding: chunked") + chunked(CONTENT)[:-5],
        request("POST /", *HEADERS, KIND, length) + FORM,
        request("POST /", *HEADERS, KIND, "Transfer-Encoding: chunked") + chunked(FORM)[:-5],
    ):
        for end in (Wire.close, Wire.vanish, Wire.end):
            connection = Wire(service.port)
            connection.send(half)
            time.sleep(0.15)
            end(connection)
            if end is Wire.end:
                assert connection.answer().status == 400
                connection.close()
    for line, *headers in (
        (f"PUT /{NAME}?{MARK}", *HEADERS, "Content-Length: 0"),
        (f"PUT /{NAME}", *HEADERS, "Content-Length: 50000000"),
        (f"PUT /{NAME}", f"Second-Password: {FIRST}", *HEADERS[:1], "Content-Length: 0"),
        (f"PUT /{NAME}/{MARK}", *HEADERS, "Content-Length: 0"),
        (f"PUT /{NAME}", *HEADERS, "Content-Length: 0", "Host: elsewhere.example"),
        (f"PUT /{NAME}", f"Lifetime: {MARK}", "Content-Length: 0"),
        ("POST /", f"Content-Type: {MARK}/{MARK}", "Content-Length: 0"),
        (f"GET /d/{MARK}", f"User-Agent: {AGENT}"),
        (f"GET /{MARK}?{MARK}", f"User-Agent: {AGENT}"),
        (f"{MARK} /{MARK}", f"User-Agent: {AGENT}"),
        (f"GET {MARK}", f"User-Agent: {AGENT}"),
        (f"GET /{MARK}", f"{MARK} {AGENT}: x"),
        (f"GET /{MARK}", f"Content-Length: {MARK}"),
        (f"GET /{MARK}", f"Transfer-Encoding: {MARK}"),
        (f"GET /{MARK}", f"Expect: {MARK}"),
        (f"GET /{MARK}", f"X: {MARK * 2000}"),
        (f"GET /{MARK * 1000}",),
    ):
        assert exchange(service.port, request(line, *headers)).status >= 400
    for raw in (f"{MARK}\r\n\r\n", f"GET /{MARK} HTTP/{MARK}\r\n\r\n", f"GET /{MARK} HTTP/1.1\r\n {AGENT}: x\r\n\r\n"):
        assert exchange(service.port, raw.encode()).status >= 400
    for body in (f"{MARK}\r\n".encode(), b"3\r\n" + MARK.encode() + b"\r\n0\r\n\r\n"):
        assert exchange(service.port, request("PUT /a", "Transfer-Encoding: chunked", body=body)).status == 400


def test_the_marks_are_nowhere(watched: Service) -> None:
    """No mark is in any file under the data folder, ``TMPDIR``, the shared memory or the log, at any moment.

    The log names no address, file ID, blob, passwords' owner or user agent either.
    """
    with Watch(watched) as watch:
        drops = leave_every_way(watched)
        fetch_every_way(watched, drops)
        go_wrong(watched)
        damaged = drops.pop(0)
        path = watched.container(damaged.file_id)
        stored = path.read_bytes()
        path.write_bytes(stored[:400_000] + b"\0" + stored[400_001:])
        answer = requests.post(damaged.link, data=damaged.passwords, headers={"User-Agent": AGENT}, timeout=60)
        assert answer.status_code == 500
        watched.wait_until_tidy()
    assert watch.rounds > 20
    assert watch.found == []
    assert find(watched, MARK, AGENT) == []
    log = watched.log.read_text()
    assert "Invalid request" in log
    for drop in (*drops, damaged):
        for secret in (drop.file_id, drop.owner_token, blob_name(FileId(drop.file_id))):
            assert secret not in log
        assert find(watched, drop.owner_token) == []
    assert re.findall(r"ip=|127\.0\.0\.1(?!:\d+ \(\d+\))|User-Agent", log) == []


def test_the_search_would_find_them(watched: Service) -> None:
    """The search itself finds a mark in each of its spellings: this test would fail if one was written."""
    for number, text in enumerate((
        MARK.encode(), MARK.upper().encode(), MARK.encode("utf-16"), MARK.encode().hex().encode(),
        base64.b64encode(b"ab" + MARK.encode() + b"c"), base64.b64encode(b"x" + MARK.encode()),
        base64.b64encode(MARK.encode() * 2), "".join(f"%{byte:02X}" for byte in MARK.encode()).encode(),
    )):  # fmt: skip
        path = watched.temporary / f"written {number}"
        path.write_bytes(b"before " + text + b" after")
        assert find(watched, MARK) != [], text
        path.unlink()


def test_names_and_modes(watched: Service) -> None:
    """What is stored is its owner's alone: files 0600, folders 0700; the registry has two tables and no times."""
    requests.put(f"{watched.url}/a", data=b"x", timeout=30)
    for path in watched.data_dir.rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
    assert watched.data_dir.stat().st_mode & 0o777 == 0o700
    assert watched.in_memory.stat().st_mode & 0o777 == 0o700
