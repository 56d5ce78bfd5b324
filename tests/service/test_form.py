"""The upload form's rules, and bodies that break them: refused, and nothing left behind."""

import pytest
import requests

from tests.service.server import Service
from tests.service.visitor import JSON, fetch, form, receipt

FILE = 'name="file"; filename="a.txt"'


def multipart(*parts: tuple[str, bytes], end: bytes = b"--B--\r\n") -> bytes:
    """A body of parts: the parameters of ``Content-Disposition``, and the content."""
    text = b"".join(
        b"--B\r\nContent-Disposition: form-data; " + parameters.encode() + b"\r\n\r\n" + content + b"\r\n"
        for parameters, content in parts
    )
    return text + end


def post(service: Service, body: bytes, kind: str = "multipart/form-data; boundary=B") -> requests.Response:
    """Send a body as a form."""
    return requests.post(f"{service.url}/", data=body, headers={"Content-Type": kind, **JSON}, timeout=60)


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ([(FILE, b"x"), ('name="lifetime"', b"1h")], "lifetime: has to come before the files."),
        ([(FILE, b"x"), ('name="first_password"', b"p")], "first_password: has to come before the files."),
        ([(FILE, b"x" * 5_000_000), ('name="downloads"', b"1")], "downloads: has to come before the files."),
        ([('name="lifetime"', b"1h"), ('name="lifetime"', b"1d"), (FILE, b"x")], "lifetime: comes twice."),
        ([('name="note"', b"a"), (FILE, b"x"), ('name="note"', b"b")], "note: comes twice."),
        ([(FILE, b"x"), ('name="note"', b"a"), ('name="note"', b"b")], "note: comes twice."),
        ([('name="colour"', b"red"), (FILE, b"x")], "form: has an unknown field"),
        ([(FILE, b"x"), ('name="files"; filename="b"', b"y")], "form: has an unknown field"),
        ([(FILE, b"x"), ('filename="b"', b"y")], "form: has an unknown field"),
        ([('name="file"', b"text"), (FILE, b"x")], "file: has to be a file."),
        ([('name="note"; filename="n.txt"', b"text"), (FILE, b"x")], "note: has to be text, not a file."),
        ([('name="lifetime"', b"2d"), (FILE, b"x")], "lifetime: has to be one of 1h, 1d, 3d, 7d, 30d."),
        ([('name="downloads"', b"0"), (FILE, b"x")], "downloads: has to be a whole number from 1 to 100"),
        ([('name="downloads"', b"101"), (FILE, b"x")], "downloads: has to be a whole number from 1 to 100"),
        ([('name="downloads"', "\u0661".encode()), (FILE, b"x")], "downloads: has to be a whole number"),
        ([('name="downloads"', b"x" * 10_000), (FILE, b"x")], "downloads: is too long."),
        ([('name="note"', b"x" * 65_537), (FILE, b"x")], "note: a note has at most 64 KiB."),
        ([(FILE, b"x"), ('name="note"', b"x" * 200_000)], "note: is too long."),
        ([(FILE, b"x"), ('name="note"', b"a\x1b[31mb")], "note: a note has no control characters"),
        ([('name="note"', b"\xff"), (FILE, b"x")], "note: is not UTF-8."),
        ([('name="lifetime"', b"1h")], "file: is missing"),
        ([('name="note"', b""), ('name="file"; filename=""', b"")], "file: is missing"),
        ([], "file: is missing"),
    ],
)
def test_refused_fields(service: Service, parts: list[tuple[str, bytes]], told: str) -> None:
    """A field that breaks a rule: 422, which names it, and nothing is kept."""
    before = service.stored()
    answer = post(service, multipart(*parts))
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(told)
    assert service.stored() == before
    assert service.unfinished() == []


@pytest.mark.parametrize(
    "body",
    [
        multipart((FILE, b"x" * 100_000), end=b""),
        multipart((FILE, b"x"), end=b"--B-"),
        multipart((FILE, b"x"), end=b"--B\r\n"),
        multipart((FILE, b"x")).replace(b"--B", b"--C"),
        b"",
        b"--B",
        b"no form at all",
        multipart((FILE + "; x=" + "y" * 10_000, b"x")),
        b"--B\r\n" + b"X-Filler: y\r\n" * 10_000 + b"\r\n\r\n--B--\r\n",
        b"--B\r\n" + b"x" * 3_000_000,
        b"--B\r\nContent-Type: text/plain\r\n\r\nx\r\n--B--\r\n",
        b"--B\r\nContent-Disposition: form-data; name=file; filename=a\r\nContent-Length: 9\r\n\r\nx\r\n--B--\r\n",
        b"--B\nContent-Disposition: form-data; name=file; filename=a\n\nx\n--B--\n",
    ],
)
def test_damaged_forms(service: Service, body: bytes) -> None:
    """A body without its closing boundary, with huge or missing part headers, or no form at all: 400, nothing kept."""
    before = service.stored()
    answer = post(service, body)
    assert answer.status_code == 400
    assert answer.json()["type"] == "urn:twinlock:problem:bad-request"
    assert service.stored() == before
    assert service.unfinished() == []


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/mixed; boundary=B",
        "application/x-www-form-urlencoded",
        "text/plain",
        "application/json",
    ],
)
def test_other_kinds_of_body(service: Service, kind: str) -> None:
    """Anything but ``multipart/form-data`` with a boundary: 415."""
    answer = post(service, multipart((FILE, b"x")), kind)
    assert (answer.status_code, answer.json()["type"]) == (415, "urn:twinlock:problem:unsupported-media-type")


@pytest.mark.parametrize(
    ("kind", "size", "status"),
    [
        ("multipart/form-data; boundary=B", 100, 415),
        ("application/json", 100, 415),
        ("application/x-www-form-urlencoded", 65_537, 413),
        ("application/x-www-form-urlencoded", 64, 422),
    ],
)
@pytest.mark.parametrize("path", ["/d/" + "1" * 32, "/download", "/owner"])
def test_small_forms(service: Service, path: str, kind: str, size: int, status: int) -> None:
    """The forms for fetching and owning are urlencoded (else 415), have at most 64 KiB (413) and known fields (422)."""
    headers = {"Content-Type": kind, **JSON}
    answer = requests.post(f"{service.url}{path}", data=b"x" * size, headers=headers, timeout=30)
    assert answer.status_code == status


@pytest.mark.parametrize("body", ["first_password=a&first_password=b&second_password=c", "a=&" * 1000])
def test_small_forms_with_too_much(service: Service, body: str) -> None:
    """A field twice, or a thousand fields, are refused."""
    headers = {"Content-Type": "application/x-www-form-urlencoded", **JSON}
    answer = requests.post(f"{service.url}/d/{'1' * 32}", data=body, headers=headers, timeout=30)
    assert answer.status_code in (400, 422)


def test_a_note_may_come_last(service: Service) -> None:
    """A note after the files counts as one before them."""
    answer = post(service, multipart((FILE, b"x"), ('name="note"', b"a\r\nnote")))
    fetched = fetch(service, receipt(answer))
    assert b"a\nnote" in fetched.content
    assert 'filename="drop.zip"' in fetched.headers["Content-Disposition"]


def test_an_input_without_a_file(service: Service) -> None:
    """An empty file input, as browsers send it, counts for nothing beside a note or a file, wherever it stands."""
    empty = ('name="file"; filename=""', b"")
    assert fetch(service, receipt(post(service, multipart(('name="note"', b"n"), empty)))).content == b"n"
    assert fetch(service, receipt(post(service, multipart(empty, (FILE, b"x"), empty)))).content == b"x"
    nameless = fetch(service, receipt(post(service, multipart(('name="file"; filename=""', b"content")))))
    assert (nameless.content, 'filename="file"' in nameless.headers["Content-Disposition"]) == (b"content", True)


def test_thousands_of_parts(service: Service) -> None:
    """Two thousand files come back; so many that their names pass 1 MiB are refused, and leave nothing."""
    answer = form(service, *((f"{number}.txt", b"x") for number in range(2000)))
    assert fetch(service, receipt(answer)).content.count(b"PK\x01\x02") == 2000
    before = service.stored()
    many = multipart(*((f'name="file"; filename="{"n" * 200}{number}"', b"") for number in range(6000)))
    answer = post(service, many)
    assert answer.status_code in (413, 422)
    assert service.stored() == before
    assert service.unfinished() == []


def test_contents_that_look_like_boundaries(service: Service) -> None:
    """What only looks like a boundary is content, however it falls on the pieces in which it is read."""
    content = b"".join(b"\r\n--" + b"B"[: number % 2] + b"\r" * (number % 5) + b"-" * 997 for number in range(3000))
    body = multipart((FILE, b"CONTENT")).replace(b"--B", b"--BX").replace(b"CONTENT", content)
    answer = post(service, body, "multipart/form-data; boundary=BX")
    assert fetch(service, receipt(answer)).content == content


def test_text_around_the_parts(service: Service) -> None:
    """A preamble and an epilogue, which RFC 2046 allows, don't count."""
    body = b"preamble\r\n" + multipart((FILE, b"x")) + b"epilogue" * 100_000
    assert fetch(service, receipt(post(service, body))).content == b"x"
