"""Every kind of answer in every shape: a page, JSON (errors as RFC 9457 problems), or lines of text."""

import contextlib
import json
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.service.server import Service, running
from tests.service.visitor import HEADERS, PASSWORDS, leave, put, receipt

HTML, JSON, TEXT = "text/html", "application/json", "text/plain"
UNKNOWN = "/d/1zzzz" + "0" * 27
LINES = ("file_id", "link", "first_password", "second_password", "owner_token", "expires")
ALWAYS = {
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
POLICY = {"default-src 'none'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"}
Ask = Callable[[str], requests.Response]


def assert_headers(answer: requests.Response, *, content: bool = False) -> None:
    """The headers of every answer; of what a drop contains, if it is that."""
    for name, value in ALWAYS.items():
        assert answer.headers[name] == value, name
    policy = set(answer.headers["Content-Security-Policy"].split("; "))
    assert policy >= POLICY
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert ("sandbox" in policy) == content
    features = answer.headers["Permissions-Policy"].split(", ")
    assert len(features) > 20
    assert all(re.fullmatch(r"[a-z-]+=\(\)", feature) for feature in features)
    assert {"camera=()", "geolocation=()", "microphone=()", "payment=()", "clipboard-read=()"} <= set(features)
    assert "Set-Cookie" not in answer.headers
    assert re.fullmatch(r"[A-Za-z ]*", answer.headers.get("Server", ""))
    assert "X-Powered-By" not in answer.headers


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that has no room, no plain fetching of its own, and lets nobody try twice."""
    folder = tmp_path_factory.mktemp("refusing")
    with running(folder, DROP_MIN_FREE="900 TiB", DROP_LIMIT_CLAIMS="1/hour", DROP_MAX_SIZE="1 MiB") as started:
        requests.post(f"{started.url}{UNKNOWN}", data=PASSWORDS, timeout=30)
        yield started


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose operator has switched the plain way off."""
    with running(tmp_path_factory.mktemp("closed"), DROP_PLAIN="off") as started:
        yield started


@pytest.fixture(scope="module")
def wrongs(service: Service, refusing: Service, closed: Service) -> dict[str, Ask]:
    """One way into each error that a visitor can see, by its name."""
    drop = leave(service, b"x")
    damaged = leave(service, b"x")
    service.container(damaged.file_id).write_bytes(b"")
    wrong = {**PASSWORDS, "first_password": "wrong"}

    def ask(method: str, url: str, **options: object) -> Ask:
        headers = options.pop("headers", {})
        assert isinstance(headers, dict)
        return lambda accept: requests.request(
            method,
            url,
            headers={**headers, "Accept": accept},
            timeout=30,
            **options,  # type: ignore[arg-type]
        )

    together = threading.Barrier(3)

    def unavailable(accept: str) -> requests.Response:
        """Asked in three shapes at once, while one of the askers holds the registry."""
        first = together.wait() == 0
        with contextlib.closing(
            sqlite3.connect(service.data_dir / "registry.sqlite3", isolation_level=None)
        ) as database:
            if first:
                database.execute("BEGIN IMMEDIATE")
            together.wait()
            answer = ask("PUT", f"{service.url}/a", data=b"x")(accept)
            together.wait()
            return answer

    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return {
        "400 bad-request": ask("PUT", f"{service.url}/a?query", data=b"x"),
        "400 bad-request host": ask("GET", f"{service.url}/", headers={"Host": "elsewhere.example"}),
        "403 wrong-passwords": ask("POST", drop.link, data=wrong),
        "403 wrong-owner-token": ask(
            "POST", f"{service.url}/owner", data={"file_id": drop.file_id, "owner_token": "wrong"}
        ),
        "403 plain-way-off": ask("POST", f"{closed.url}/", files={"file": ("a", b"x")}),
        "403 plain-way-off put": ask("PUT", f"{closed.url}/a", data=b"x"),
        "403 plain-way-off fetch": ask("POST", f"{closed.url}{UNKNOWN}", data=PASSWORDS),
        "404 not-found": ask("POST", f"{service.url}{UNKNOWN}", data=PASSWORDS),
        "404 not-found page": ask("GET", f"{service.url}/no/such/page"),
        "404 not-found name": ask("GET", f"{service.url}/favicon.ico"),
        "404 not-found static": ask("GET", f"{service.url}/static/nothing.css"),
        "405 method-not-allowed": ask("PUT", f"{service.url}/", data=b"x"),
        "405 method-not-allowed delete": ask("DELETE", f"{service.url}/about"),
        "413 too-large": ask("PUT", f"{refusing.url}/a", data=bytes(2**20 + 1)),
        "413 too-large form": ask("POST", f"{service.url}{UNKNOWN}", data=b"x" * 70_000, headers=form),
        "415 unsupported-media-type": ask("POST", f"{service.url}/", json={}),
        "422 refused-field": ask("PUT", f"{service.url}/a", data=b"x", headers={"Lifetime": "soon"}),
        "422 refused-field fetch": ask("POST", f"{service.url}{UNKNOWN}", data={"first_password": "x"}),
        "429 throttled": ask("POST", f"{refusing.url}{UNKNOWN}", data=PASSWORDS),
        "429 throttled owner": ask("POST", f"{refusing.url}/owner", data={}),
        "500 damaged": ask("POST", damaged.link, data=PASSWORDS),
        "503 store-unavailable": unavailable,
        "507 full": ask("PUT", f"{refusing.url}/a", data=b"x"),
        "507 full form": ask("POST", f"{refusing.url}/", files={"file": ("a", b"x")}),
    }


NAMES = (
    "400 bad-request", "400 bad-request host", "403 wrong-passwords", "403 wrong-owner-token", "403 plain-way-off",
    "403 plain-way-off put", "403 plain-way-off fetch", "404 not-found", "404 not-found page", "404 not-found name",
    "404 not-found static", "405 method-not-allowed", "405 method-not-allowed delete", "413 too-large",
    "413 too-large form", "415 unsupported-media-type", "422 refused-field", "422 refused-field fetch",
    "429 throttled", "429 throttled owner", "500 damaged", "503 store-unavailable", "507 full", "507 full form",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_errors_in_every_shape(wrongs: dict[str, Ask], name: str) -> None:
    """Each error is told as a page, as a problem document and as one line, with the same status and headers."""
    code, kind = name.split()[:2]
    with ThreadPoolExecutor(3) as pool:
        page, problem, line = pool.map(wrongs[name], (HTML, JSON, TEXT))
    for answer in (page, problem, line):
        assert answer.status_code == int(code)
        assert_headers(answer)
        assert ("Retry-After" in answer.headers) == (code in ("429", "503"))
        if "Retry-After" in answer.headers:
            assert 0 < int(answer.headers["Retry-After"]) <= 3600
        assert ("Allow" in answer.headers) == (code == "405")
    assert problem.headers["Content-Type"] == "application/problem+json"
    document = json.loads(problem.content)
    assert document.keys() == {"type", "title", "status", "detail"}
    assert (document["type"], document["status"]) == (f"urn:twinlock:problem:{kind}", int(code))
    assert document["title"]
    assert document["detail"].endswith(".")
    assert line.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert re.fullmatch(r"[^\n]+\n", line.text)
    assert line.text.startswith(document["title"])
    assert line.text.count(document["title"]) == 1
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert document["title"] in page.text
    assert "Traceback" not in page.text + line.text


def test_success_in_every_shape(service: Service) -> None:
    """A new drop is told as a page, in JSON and as lines; curl's PUT gets lines, a browser's form a page."""
    upload = {"file": ("a", b"x")}
    page, value, lines = (
        requests.post(service.url, files=upload, headers={"Accept": accept}, timeout=30)
        for accept in (HTML, JSON, TEXT)
    )
    for answer in (page, value, lines):
        assert answer.status_code == 201
        assert_headers(answer)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert value.headers["Content-Type"] == "application/json"
    assert tuple(value.json()) == LINES
    assert re.fullmatch(r"[0-9a-z]{32}", value.json()["file_id"])
    assert value.json()["link"] == f"{service.url}/d/{value.json()['file_id']}"
    assert re.fullmatch(r"[\w-]{43}", value.json()["owner_token"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:00:00Z", value.json()["expires"])
    assert [line.partition(": ")[0] for line in lines.text.splitlines()] == list(LINES)
    assert all(secret in page.text for secret in ("file_id", "owner_token"))
    bare = requests.put(f"{service.url}/a", data=b"x", headers=HEADERS, timeout=30)
    assert bare.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert f"first_password: {PASSWORDS['first_password']}\n" in bare.text
    assert requests.post(service.url, files=upload, timeout=30).headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("lifetime", "hours"), [("1h", 1), ("1d", 24), ("3d", 72), ("7d", 168), ("30d", 720), ("", 168)]
)
def test_the_end_is_a_full_hour(service: Service, lifetime: str, hours: int) -> None:
    """A drop ends at the full hour at or after now and its lifetime, seven days if none is said."""
    now = time.time()
    drop = receipt(put(service, b"x", Lifetime=lifetime))
    ends = time.mktime(time.strptime(drop.expires, "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
    assert ends % 3600 == 0
    assert 0 <= ends - (now + hours * 3600) < 3602


@pytest.mark.parametrize("path", ["/", "/download", UNKNOWN, "/owner", "/about", "/healthz", "/readyz"])
def test_pages(service: Service, path: str) -> None:
    """Every page answers GET and HEAD alike, with the headers of every answer, and spends nothing."""
    page, head = requests.get(f"{service.url}{path}", timeout=30), requests.head(f"{service.url}{path}", timeout=30)
    for answer in (page, head):
        assert answer.status_code == 200
        assert_headers(answer)
    assert head.content == b""
    assert head.headers["Content-Length"] == str(len(page.content))
    if not path.endswith("z"):
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "<script" not in page.text
        assert not re.search(r"""(?:src|href|action)=["']?(?:https?:)?//""", page.text)


def test_static_files(service: Service) -> None:
    """Static files bear their hash, may be kept for a year, have the usual headers, and come as gzip if asked."""
    found = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', requests.get(service.url, timeout=30).text))
    assert {path.rpartition(".")[2] for path in found} == {"css", "svg"}
    for path in found:
        assert re.search(r"\.[0-9a-f]{12}\.", path)
        answers = [
            requests.get(f"{service.url}{path}", headers={"Accept-Encoding": coding}, timeout=30)
            for coding in ("gzip", "identity")
        ]
        assert answers[0].content == answers[1].content
        for answer in answers:
            assert answer.status_code == 200
            assert answer.headers.pop("Cache-Control") == "public, max-age=31536000, immutable"
            assert "Accept-Encoding" in answer.headers["Vary"]
            answer.headers["Cache-Control"] = "no-store"
            assert_headers(answer)


def test_downloads(service: Service) -> None:
    """What a drop contains comes as an attachment of no type at all, in a sandbox, under both names; the ZIP too."""
    evil = {'\u5bc6 "x".html': b"<script>alert(1)</script>", "b.svg": b"<svg onload='alert(1)'/>"}
    one = receipt(requests.put(f"{service.url}/%E5%AF%86%20%22x%22.html", data=b"<script>", headers={
        "Accept": JSON, "Content-Type": "text/html"}, timeout=30))  # fmt: skip
    upload = [("file", (name, content, "text/html")) for name, content in evil.items()]
    two = receipt(requests.post(service.url, files=upload, headers={"Accept": JSON}, timeout=30))
    note = receipt(requests.post(service.url, files={"note": (None, "<b>")}, headers={"Accept": JSON}, timeout=30))
    for drop in (one, two, note):
        answer = requests.post(drop.link, data=drop.passwords, headers={"Accept": HTML}, timeout=30)
        assert answer.status_code == 200
        assert_headers(answer, content=True)
        assert answer.headers["Content-Type"] == "application/octet-stream"
    disposition = requests.post(one.link, data=one.passwords, timeout=30).headers["Content-Disposition"]
    assert disposition == "attachment; filename=\"_ _x_.html\"; filename*=UTF-8''%E5%AF%86%20%22x%22.html"


@pytest.mark.parametrize("path", ["/", "/download", UNKNOWN])
def test_pages_without_the_plain_way(closed: Service, path: str) -> None:
    """With ``DROP_PLAIN=off`` no page has a form that the service would refuse; owners and monitors are served."""
    page = requests.get(f"{closed.url}{path}", timeout=30)
    assert page.status_code == 200
    assert "<form" not in page.text
    assert 'type="file"' not in page.text
    assert requests.get(f"{closed.url}/readyz", timeout=30).ok


def test_switched_off_means_untouched(closed: Service) -> None:
    """With ``DROP_PLAIN=off`` an upload is refused before anything is made of it."""
    for answer in (
        requests.put(f"{closed.url}/a", data=bytes(100_000), timeout=30),
        requests.post(closed.url, files={"file": ("a", bytes(100_000))}, timeout=30),
    ):
        assert answer.status_code == 403
    assert closed.containers() == []


def test_monitors(service: Service) -> None:
    """``/healthz`` and ``/readyz`` answer under any host name."""
    for path, value in (("/healthz", {"alive": True}), ("/readyz", {"ready": True})):
        answer = requests.get(f"{service.url}{path}", headers={"Host": "probe.example"}, timeout=30)
        assert (answer.status_code, answer.json()) == (200, value)
