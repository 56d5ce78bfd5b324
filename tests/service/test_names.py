"""File names on their way in and out: cleaned and said so, never a path, never a fault."""

import io
import json
import zipfile
from urllib.parse import unquote

import pytest
import requests

from tests.service.server import Service
from tests.service.visitor import JSON, form, receipt
from tests.service.wire import exchange, request


def put_raw(service: Service, path: str) -> requests.Response:
    """``PUT`` exactly this path, and fetch what became of it, which tells the name."""
    answer = exchange(service.port, request(f"PUT {path}", "Accept: application/json", "Content-Length: 1", body=b"x"))
    assert answer.status == 201, answer.body
    drop = json.loads(answer.body)
    passwords = {name: drop[name] for name in ("first_password", "second_password")}
    fetched = requests.post(f"{service.url}/d/{drop['file_id']}", data=passwords, headers=JSON, timeout=30)
    assert fetched.content == b"x"
    fetched.headers["X-Renamed"] = "|".join(drop.get("renamed", []))
    return fetched


def full_name(answer: requests.Response) -> str:
    """The name in ``filename*``."""
    return unquote(answer.headers["Content-Disposition"].partition("filename*=UTF-8''")[2], errors="strict")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/plain.txt", "plain.txt"),
        ("/two%20words%3F.txt", "two words?.txt"),
        ("/%E5%AF%86%E7%A0%81.txt", "\u5bc6\u7801.txt"),
        ("/e%CC%81.txt", "\u00e9.txt"),
        ("/a%2Fb.txt", "a_b.txt"),
        ("/a%5Cb.txt", "a_b.txt"),
        ("/..%2F..%2Fetc%2Fpasswd", ".._.._etc_passwd"),
        ("/%2e%2e", "._"),
        ("/a%00b.txt", "a_b.txt"),
        ("/a%0d%0ab.txt", "a__b.txt"),
        ("/gpj.%E2%80%AEexe", "gpj._exe"),
        ("/" + "x" * 296 + ".txt", "x" * 251 + ".txt"),
        ("/" + "%C3%A9" * 200 + ".jpeg", "\u00e9" * 125 + ".jpeg"),
        ("/CON", "_CON"),
        ("/con.txt", "_con.txt"),
        ("/a.%20", "a._"),
        ("/100%", "100%"),
        ("/%zz.txt", "%zz.txt"),
        ("/a%FFb.txt", "a\ufffdb.txt"),
        ("/%22quoted%22.txt", '"quoted".txt'),
        ("/a%25b.txt", "a%b.txt"),
        ("/download", "download"),
        ("/healthz", "healthz"),
    ],
)
def test_a_name_in_the_path(service: Service, path: str, name: str) -> None:
    """A name is one segment of the path; what it may not be is cleaned, and the answer says so."""
    fetched = put_raw(service, path)
    assert full_name(fetched) == name
    told = fetched.headers["X-Renamed"]
    assert told == ("" if unquote(path[1:]) == name else name)
    header = fetched.headers["Content-Disposition"]
    assert header.startswith('attachment; filename="')
    plain_name = header.partition('filename="')[2].partition('"')[0]
    assert plain_name.isascii()
    assert plain_name.isprintable()
    assert not set(plain_name) & set('"\\%/')


@pytest.mark.parametrize("path", ["/", "/a/b", "/a/", "//a", "/a//", "/..", "/../a", "/d/x", "/static/x.css"])
def test_not_one_segment(service: Service, path: str) -> None:
    """No name, or several segments: 405 with ``Allow``, and nothing is left; ``..`` alone is a name, and cleaned."""
    before = service.stored()
    answer = exchange(service.port, request(f"PUT {path}", "Content-Length: 1", body=b"x"))
    if path == "/..":
        assert answer.status == 201
        return
    assert answer.status == 405
    assert set(answer.headers["allow"].split(", ")) <= {"GET", "HEAD", "OPTIONS", "POST"}
    assert answer.body.count(b"\n") == 1
    assert service.stored() == before


@pytest.mark.parametrize(
    ("extra", "detail"),
    [
        (("PUT /a.txt?first_password=secret",), b"query"),
        (("PUT /a.txt", "Content-Range: bytes 0-0/2"), b"Content-Range"),
    ],
)
def test_uploads_that_would_go_wrong(service: Service, extra: tuple[str, ...], detail: bytes) -> None:
    """A query (which proxies log) and ``Content-Range`` (a part taken for the whole) are refused: 400."""
    before = service.stored()
    answer = exchange(service.port, request(*extra, "Content-Length: 1", body=b"x"))
    assert answer.status == 400
    assert detail in answer.body
    assert service.stored() == before


def test_a_query_at_the_form(service: Service) -> None:
    """The form takes no query either."""
    answer = requests.post(f"{service.url}/?note=secret", files={"file": ("a", b"x")}, headers=JSON, timeout=30)
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:twinlock:problem:bad-request")


def open_zip(answer: requests.Response) -> dict[str, bytes]:
    """Names and contents; `zipfile` checks each CRC."""
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert 'filename="drop.zip"' in answer.headers["Content-Disposition"]
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert {entry.flag_bits & 0x800 for entry in archive.infolist() if not entry.filename.isascii()} <= {0x800}
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


def fetched(service: Service, response: requests.Response) -> requests.Response:
    """What comes back for the receipt in this answer."""
    drop = receipt(response)
    return requests.post(f"{service.url}/d/{drop.file_id}", data=drop.passwords, timeout=60)


def test_several_files_and_a_note(service: Service) -> None:
    """Several files and a note come back as one ZIP, whole, under their names; a note has LF for CR LF."""
    files = [("a.bin", bytes(3_000_000)), ("\u5bc6.txt", b"x" * 16384), ("empty", b""), ("b.bin", b"y" * 1_000_001)]
    answer = form(service, *files, note="first line\r\nsecond line\ttab")
    assert open_zip(fetched(service, answer)) == {**dict(files), "note.txt": b"first line\nsecond line\ttab"}


def test_one_file_is_no_zip(service: Service) -> None:
    """One file without a note comes as it is, also one that is called like the note."""
    answer = fetched(service, form(service, ("note.txt", b"a file")))
    assert (answer.content, 'filename="note.txt"' in answer.headers["Content-Disposition"]) == (b"a file", True)


def test_a_note_alone(service: Service) -> None:
    """A note without a file comes as ``note.txt``, in UTF-8."""
    answer = fetched(service, form(service, note="gr\u00fc\u00dfe"))
    assert answer.content.decode() == "gr\u00fc\u00dfe"
    assert full_name(answer) == "note.txt"
    assert answer.headers["Content-Type"] == "application/octet-stream"


def test_a_file_named_like_the_note(service: Service) -> None:
    """A file called ``NOTE.txt`` beside a note: both come back, under different names on any file system."""
    answer = form(service, ("NOTE.txt", b"the file"), ("note (2).TXT", b"another"), note="the note")
    contents = open_zip(fetched(service, answer))
    assert contents == {"NOTE.txt": b"the file", "note (2).TXT": b"another", "note (3).txt": b"the note"}


def test_names_of_one_drop_differ(service: Service) -> None:
    """Files of one name, or that differ in case alone, are numbered, and the answer says so."""
    answer = form(service, ("a.txt", b"1"), ("A.TXT", b"2"), ("a.txt", b"3"), ("../b", b"4"))
    assert answer.json()["renamed"] == ["A (2).TXT", "a (3).txt", ".._b"]
    assert open_zip(fetched(service, answer)) == {"a.txt": b"1", "A (2).TXT": b"2", "a (3).txt": b"3", ".._b": b"4"}


@pytest.mark.parametrize(
    "name", [b"\xff\xfe.txt", b"a\x00b.txt", b"a\rb", b"\xe2\x80\xaegpj.exe", b"%2e%2e%2f", b"C:\\x\\y"]
)
def test_hostile_names_in_a_form(service: Service, name: bytes) -> None:
    """A name in a form that is no UTF-8, or hostile, is cleaned or refused (400), and never a fault."""
    body = b'--B\r\nContent-Disposition: form-data; name="file"; filename="' + name + b'"\r\n\r\nx\r\n--B--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=B", **JSON}
    answer = requests.post(f"{service.url}/", data=body, headers=headers, timeout=30)
    assert answer.status_code in (201, 400)
    if answer.status_code == 201:
        said = full_name(fetched(service, answer))
        assert not set(said) & set("/\\\x00\r\u202e")


def test_text_says_the_new_name(service: Service) -> None:
    """The answers in text and as a page say a new name, too, and the page shows it as text alone."""
    answer = requests.put(f"{service.url}/a%2F%3Cb%3E.txt", data=b"x", timeout=30)
    assert "\nrenamed: a_<b>.txt\n" in answer.text
    page = form(service, ("<b>/.txt", b"x"), accept="text/html")
    assert page.headers["Content-Type"].startswith("text/html")
    assert "&lt;b&gt;_.txt" in page.text
    assert "<b>_" not in page.text
