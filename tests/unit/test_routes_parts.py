"""The small parts of the routes: bodies, small forms, rates, links, assets, answers, and the table of problems."""

import gzip
import inspect
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask, Request, Response
from hypothesis import given
from hypothesis import strategies as st
from limits.storage import MemoryStorage
from werkzeug.test import EnvironBuilder

from dropbox_app import errors
from dropbox_app.config import Settings
from dropbox_app.errors import BadRequest, Refused, Throttled, TooLarge, TwinlockError, UnsupportedMediaType
from dropbox_app.model import FileId
from dropbox_app.routes import problems
from dropbox_app.routes.answers import (
    HTML,
    JSON,
    TEXT,
    downloads_in_words,
    in_words,
    rfc3339,
    size_in_words,
    text_answer,
    wanted,
)
from dropbox_app.routes.assets import Assets
from dropbox_app.routes.body import RequestBody
from dropbox_app.routes.fields import LONGEST, read_fields
from dropbox_app.routes.links import Links
from dropbox_app.routes.rates import Rates, client_key

ID = FileId("1" + "0" * 31)
KEY = b"k" * 32


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    """An application without anything."""
    return Flask("nothing", root_path=str(tmp_path), static_folder=None)


def request(**named: object) -> Request:
    """A request; `address` is its client's."""
    address = named.pop("address", "127.0.0.1")
    environ = EnvironBuilder(environ_base={"REMOTE_ADDR": address}, **named).get_environ()  # type: ignore[arg-type]
    return Request(environ)


class TestBody:
    """A body through `wsgi.input`, as under any server but gunicorn."""

    @pytest.mark.parametrize("length", ["x", "-1", "+1", "1.0", " 1", "٣", "1 2"])
    def test_bad_lengths(self, length: str) -> None:
        """A length that is no plain number is refused."""
        with pytest.raises(BadRequest):
            RequestBody({"wsgi.input": io.BytesIO(), "CONTENT_LENGTH": length}, 10)

    def test_too_much_is_known_before_reading(self) -> None:
        """An announced length over the limit is refused without touching the body."""
        stream = io.BytesIO(b"x" * 11)
        body = RequestBody({"wsgi.input": stream, "CONTENT_LENGTH": "11"}, 10)
        with pytest.raises(TooLarge):
            body.check_limit()
        assert stream.tell() == 0
        RequestBody({"wsgi.input": stream, "CONTENT_LENGTH": "10"}, 10).check_limit()

    @given(st.binary(max_size=50), st.integers(1, 60), st.booleans())
    def test_gives_what_came(self, content: bytes, size: int, chunked: bool) -> None:
        """Buffer by buffer the whole body, full buffers except for the last one; a next request's bytes are not its."""
        environ = {"wsgi.input": io.BytesIO(content + b"next" * (not chunked))}
        named = {"HTTP_TRANSFER_ENCODING": "chunked"} if chunked else {"CONTENT_LENGTH": str(len(content))}
        body = RequestBody(environ | named, 10**6)
        buffer, seen = bytearray(size), bytearray()
        while count := body.read_into(memoryview(buffer)):
            assert count == size or len(seen) + count == len(content)
            seen += buffer[:count]
        assert seen == content
        assert body.finished
        assert not body.is_direct

    def test_no_body(self) -> None:
        """Without a length there is none, and nothing is read."""
        body = RequestBody({"wsgi.input": None}, 10)
        assert body.length == 0
        assert body.finished
        assert body.read_into(memoryview(bytearray(5))) == 0

    def test_a_failing_stream(self) -> None:
        """An error of the connection is a request that cannot be read, and it is over."""

        class Broken(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                raise OSError(104, f"reset after {size}")

        body = RequestBody({"wsgi.input": Broken(), "CONTENT_LENGTH": "5"}, 10)
        with pytest.raises(BadRequest):
            body.read_into(memoryview(bytearray(5)))
        assert body.finished

    def test_lingering_is_for_gunicorn(self) -> None:
        """Without a connection of gunicorn's there is nothing to linger on, and nothing is read."""
        stream = io.BytesIO(bytes(10**6))
        RequestBody({"wsgi.input": stream, "CONTENT_LENGTH": str(10**6)}, 10).linger()
        assert stream.tell() == 0

    def test_other_codings_are_refused(self) -> None:
        """What is compressed for its transfer would be stored as it is, and given back so."""
        environ = {"wsgi.input": io.BytesIO(), "HTTP_TRANSFER_ENCODING": "gzip, chunked"}
        with pytest.raises(UnsupportedMediaType):
            RequestBody(environ, 10)

    def test_a_trickle_is_given_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """After a minute, a body that has had less than 1 KiB a second is given up; a slow one goes on."""
        for size, given_up in ((60 * 1024, True), (63 * 1024, False)):
            body = RequestBody({"wsgi.input": io.BytesIO(bytes(10**6)), "CONTENT_LENGTH": str(10**6)}, 10**6)
            now = time.monotonic()
            with monkeypatch.context() as patch:
                patch.setattr(time, "monotonic", lambda now=now: now + 62)
                if given_up:
                    with pytest.raises(BadRequest):
                        body.read_some(memoryview(bytearray(size)))
                else:
                    assert body.read_some(memoryview(bytearray(size))) == size


class TestFields:
    """Small urlencoded forms."""

    KNOWN = ("file_id", "owner_token")

    def read(self, app: Flask, data: bytes, content_type: str = "application/x-www-form-urlencoded") -> dict[str, str]:
        """Its fields."""
        with app.app_context():
            return read_fields(request(method="POST", data=data, content_type=content_type), self.KNOWN)

    def test_reads_them(self, app: Flask) -> None:
        """Decoded, missing ones empty; `+` is a space."""
        assert self.read(app, b"file_id=a%2Bb+c%C3%A9&owner_token=") == {"file_id": "a+b c\u00e9", "owner_token": ""}
        assert self.read(app, b"") == {"file_id": "", "owner_token": ""}

    @pytest.mark.parametrize("data", [b"other=1", b"file_id=1&File_id=2", b"=1", b"file_id%20=1"])
    def test_unknown_ones(self, app: Flask, data: bytes) -> None:
        """They are refused."""
        with pytest.raises(Refused) as refusal:
            self.read(app, data)
        assert refusal.value.field == "form"

    def test_double_ones(self, app: Flask) -> None:
        """They are refused, also when they say the same."""
        with pytest.raises(Refused) as refusal:
            self.read(app, b"file_id=1&file_id=1")
        assert refusal.value.field == "file_id"

    @pytest.mark.parametrize(
        "data", [b"file_id=\xff", b"file_id=%FF", b"file_id=%ED%A0%80", b"&".join([b"file_id=1"] * 17)]
    )
    def test_unreadable_ones(self, app: Flask, data: bytes) -> None:
        """What is not UTF-8, encoded or not, and floods of fields, are refused."""
        with pytest.raises(BadRequest):
            self.read(app, data)

    @pytest.mark.parametrize("kind", ["", "text/plain", "application/json", "multipart/form-data; boundary=x"])
    def test_other_kinds(self, app: Flask, kind: str) -> None:
        """They are not read."""
        with pytest.raises(UnsupportedMediaType):
            self.read(app, b"file_id=1", kind)

    def test_long_ones(self, app: Flask) -> None:
        """64 KiB are taken, and not a byte more, announced or not."""
        longest = b"file_id=" + b"x" * (LONGEST - 8)
        assert len(self.read(app, longest)["file_id"]) == LONGEST - 8
        with pytest.raises(TooLarge):
            self.read(app, longest + b"x")
        chunked = Request({"wsgi.input": io.BytesIO(longest + b"x"), "HTTP_TRANSFER_ENCODING": "chunked",
                           "REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/x-www-form-urlencoded"})  # fmt: skip
        with app.app_context(), pytest.raises(TooLarge):
            read_fields(chunked, self.KNOWN)


class TestRates:
    """Limits for each client address."""

    def test_addresses_are_hidden(self) -> None:
        """A key tells no address, is the same for the same one, and differs with the secret."""
        key = client_key(KEY, "203.0.113.5")
        assert key == client_key(KEY, "203.0.113.5") != client_key(b"K" * 32, "203.0.113.5")
        assert len(key) == 32
        assert "203" not in bytes.fromhex(key).decode("latin-1")

    def test_ipv6_counts_by_household(self) -> None:
        """Addresses of one /64 are one client; IPv4 addresses count one by one, also inside IPv6."""
        assert client_key(KEY, "2001:db8:1:2::1") == client_key(KEY, "2001:db8:1:2:ffff:ffff:ffff:ffff")
        assert client_key(KEY, "2001:db8:1:2::1") != client_key(KEY, "2001:db8:1:3::1")
        assert client_key(KEY, "::1") != client_key(KEY, "2001:db8::")
        assert client_key(KEY, "203.0.113.5") != client_key(KEY, "203.0.113.6")
        assert client_key(KEY, "::ffff:203.0.113.5") == client_key(KEY, "203.0.113.5")
        assert client_key(KEY, "::ffff:203.0.113.5") != client_key(KEY, "::ffff:203.0.113.6")

    def test_a_port_does_not_count(self) -> None:
        """Some proxies forward an address with its port: it is the address that counts."""
        assert client_key(KEY, "203.0.113.5:80") == client_key(KEY, "203.0.113.5")
        key = client_key(KEY, "2001:db8::1")
        assert client_key(KEY, "[2001:db8::1]:443") == client_key(KEY, "[2001:db8::2]") == key

    @pytest.mark.parametrize("address", [None, "", "unix:", "not an address", "203.0.113.5:80:1", "\0"])
    def test_clients_without_an_address(self, address: str | None) -> None:
        """They count as one."""
        assert client_key(KEY, address) == client_key(KEY, "")

    def test_limits(self) -> None:
        """So many pass, the next one is told to wait until the window ends, and other clients and uploads go on."""
        rates = Rates(MemoryStorage(), KEY, "3/minute", "1/hour")
        for _ in range(3):
            rates.count_claim(request())
        with pytest.raises(Throttled) as wait:
            rates.count_claim(request())
        assert 1 <= wait.value.retry_after <= 60
        rates.count_claim(request(address="127.0.0.2"))
        rates.count_upload(request())
        with pytest.raises(Throttled) as wait:
            rates.count_upload(request())
        assert 60 < wait.value.retry_after <= 3600

    def test_several_limits(self) -> None:
        """Each one counts."""
        rates = Rates(MemoryStorage(), KEY, "100/minute; 2/hour", None)
        rates.count_claim(request())
        rates.count_claim(request())
        with pytest.raises(Throttled) as wait:
            rates.count_claim(request())
        assert wait.value.retry_after > 60

    def test_windows_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """After the wait that was told, the next try passes."""
        rates = Rates(MemoryStorage(), KEY, "1/minute", None)
        rates.count_claim(request())
        with pytest.raises(Throttled) as wait:
            rates.count_claim(request())
        now = time.time() + wait.value.retry_after
        monkeypatch.setattr(time, "time", lambda: now)
        rates.count_claim(request())

    def test_off(self) -> None:
        """Without a limit nothing is counted."""
        storage = MemoryStorage()
        rates = Rates(storage, KEY, None, None)
        for _ in range(500):
            rates.count_claim(request())
        assert not storage.storage


class TestLinks:
    """Where links begin."""

    def test_at_the_configured_address(self) -> None:
        """Whatever host was asked for."""
        links = Links(Settings.from_environ({"PUBLIC_URL": "https://drop.example.org/x/"}))
        asked = request(base_url="http://evil.example")
        assert links.share(asked, ID) == f"https://drop.example.org/x/d/{ID}"
        assert links.owner(asked, ID) == f"https://drop.example.org/x/owner?file_id={ID}"

    def test_at_the_host_that_was_asked_for(self) -> None:
        """Without a configured one."""
        assert (
            Links(Settings.from_environ({})).base(request(base_url="http://127.0.0.1:8000")) == "http://127.0.0.1:8000"
        )

    @pytest.mark.parametrize(
        ("host", "status"),
        [
            ("localhost", 200), ("127.0.0.1:8000", 200), ("[::1]:8000", 200), ("drop.example", 200),
            ("evil.example", 400), ("", 400), ("a@localhost", 400), ("evil.example\\@localhost", 400),
            ("localhost/x", 400), ("localhost:x", 400), ("localhost#", 400),
        ],
    )  # fmt: skip
    def test_other_hosts_are_refused(self, app: Flask, host: str, status: int) -> None:
        """Before anything else is done; whether the service is alive is told to anybody."""
        Links(Settings.from_environ({"TRUSTED_HOSTS": "drop.example"})).install(app)

        @app.errorhandler(BadRequest)
        def bad(_: BadRequest) -> tuple[str, int]:
            return "", 400

        app.add_url_rule("/", "home", lambda: "home")
        app.add_url_rule("/healthz", "healthz", lambda: "ok")
        client = app.test_client()
        assert client.get("/", headers={"Host": host}).status_code == status
        assert client.get("/healthz", headers={"Host": host}).status_code == 200

    def test_any_host_where_an_address_is_configured(self, app: Flask) -> None:
        """Nothing depends on it then."""
        Links(Settings.from_environ({"PUBLIC_URL": "https://drop.example.org"})).install(app)
        app.add_url_rule("/", "home", lambda: "home")
        assert app.test_client().get("/", headers={"Host": "evil.example"}).status_code == 200


class TestAssets:
    """Static files."""

    @pytest.fixture
    def assets(self, app: Flask, tmp_path: Path) -> Assets:
        """A folder with a few, served by the application."""
        (tmp_path / "css").mkdir()
        (tmp_path / "css" / "site.css").write_text("a {}" * 100)
        (tmp_path / "picture.png").write_bytes(b"\x89PNG")
        (tmp_path / "README.md").write_text("not served")
        (tmp_path / "no-kind").write_text("not served")
        assets = Assets(tmp_path)
        app.register_blueprint(assets.blueprint())
        return assets

    def test_names_carry_the_hash(self, app: Flask, assets: Assets) -> None:
        """They can be kept for a year, and come as they are."""
        url = assets.url("css/site.css")
        assert url.startswith("/static/css/site.")
        answer = app.test_client().get(url)
        assert answer.data == b"a {}" * 100
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.mimetype == "text/css"
        assert "Content-Encoding" not in answer.headers

    def test_compressed(self, app: Flask, assets: Assets) -> None:
        """To those who take that, and only what gains by it."""
        client = app.test_client()
        answer = client.get(assets.url("css/site.css"), headers={"Accept-Encoding": "gzip, br"})
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert gzip.decompress(answer.data) == b"a {}" * 100
        refusing = client.get(assets.url("css/site.css"), headers={"Accept-Encoding": "gzip;q=0"})
        assert "Content-Encoding" not in refusing.headers
        picture = client.get(assets.url("picture.png"), headers={"Accept-Encoding": "gzip"})
        assert picture.data == b"\x89PNG"
        assert "Content-Encoding" not in picture.headers

    def test_nothing_else_is_served(self, app: Flask, assets: Assets) -> None:
        """No other name, no way out of the folder, no old hash."""
        client = app.test_client()
        other = assets.url("css/site.css").replace("site.", "site.0")
        for path in ("/static/css/site.css", "/static/README.md", "/static/../x", "/static/%2e%2e/x", other):
            assert client.get(path).status_code == 404
        with pytest.raises(KeyError):
            assets.url("README.md")

    def test_another_content_another_name(self, tmp_path: Path) -> None:
        """A change is never hidden by somebody's cache."""
        (tmp_path / "a.css").write_text("1")
        first = Assets(tmp_path).url("a.css")
        (tmp_path / "a.css").write_text("2")
        assert Assets(tmp_path).url("a.css") != first


def _kinds() -> Iterator[type[TwinlockError]]:
    for _, kind in inspect.getmembers(errors, inspect.isclass):
        if issubclass(kind, TwinlockError) and kind not in (TwinlockError, errors.DropExists):
            yield kind


def _made(kind: type[TwinlockError]) -> TwinlockError:
    known: dict[type[TwinlockError], TwinlockError] = {
        errors.Refused: errors.Refused("lifetime", "has to be one of 1h, 1d"),
        errors.BadRequest: errors.BadRequest("the form is damaged"),
        errors.UnsupportedMediaType: errors.UnsupportedMediaType("the form has to be a form"),
        errors.TooLarge: errors.TooLarge(5),
        errors.Throttled: errors.Throttled(30),
        errors.Busy: errors.Busy(3),
    }
    return known.get(kind) or kind("canary")


class TestProblems:
    """The table that turns what went wrong into HTTP."""

    STATUS = {  # noqa: RUF012 - a table
        "BadRequest": 400, "Busy": 503, "DamagedContainer": 500, "DropNotFound": 404, "PlainWayOff": 403,
        "Refused": 422,
        "StoreFull": 507, "StoreUnavailable": 503, "Throttled": 429, "TooLarge": 413, "UnsupportedMediaType": 415,
        "WrongOwnerToken": 403, "WrongPasswords": 403,
    }  # fmt: skip

    @pytest.mark.parametrize("kind", list(_kinds()))
    def test_every_error_has_its_row(self, kind: type[TwinlockError]) -> None:
        """Each domain error has the status of the specification, a title and a next step."""
        row = problems.problem_of(_made(kind))
        if kind.__name__ in self.STATUS:
            assert row.status == self.STATUS[kind.__name__]
        assert 400 <= row.status < 600
        assert row.title
        assert row.steps

    def test_names_are_unique(self) -> None:
        """Each row's type is its own, for programs to tell them apart."""
        names = [problems.problem_of(_made(kind)).name for kind in _kinds()]
        assert len(set(names)) == len(names)

    @pytest.mark.parametrize("kind", list(_kinds()))
    def test_as_json_and_as_text(self, app: Flask, kind: type[TwinlockError]) -> None:
        """A problem document as in RFC 9457, and one line; neither quotes what was meant for the log."""
        error = _made(kind)
        with app.test_request_context():
            answer, line = problems.tell(error, JSON), problems.tell(error, TEXT)
        value = json.loads(answer.get_data())
        assert answer.content_type == "application/problem+json"
        assert set(value) == {"type", "title", "status", "detail"}
        assert value["status"] == answer.status_code == line.status_code
        assert value["type"].startswith("urn:twinlock:problem:")
        assert line.content_type == "text/plain; charset=utf-8"
        assert line.get_data(as_text=True).count("\n") == 1
        assert b"canary" not in answer.get_data() + line.get_data()

    @pytest.mark.parametrize("kind", list(_kinds()))
    def test_retry_after(self, app: Flask, kind: type[TwinlockError]) -> None:
        """429 and 503 say when to try again, and nothing else does."""
        with app.test_request_context():
            answer = problems.tell(_made(kind), JSON)
        assert ("Retry-After" in answer.headers) == (answer.status_code in (429, 503))

    def test_what_is_told(self) -> None:
        """The field, the limit and the wait are named."""
        assert problems.detail_of(errors.Refused("lifetime", "is odd")) == "lifetime: is odd."
        assert problems.detail_of(errors.BadRequest("the form is odd")) == "The form is odd."
        assert problems.detail_of(errors.TooLarge(7)) == "At most 7 bytes are taken."
        assert problems.detail_of(errors.Throttled(30)) == "Try again in 30 seconds."

    def test_the_unexpected(self, app: Flask, caplog: pytest.LogCaptureFixture) -> None:
        """An error of no known kind is a 500 that quotes nothing, in the answer and in the log."""
        problems.install(app)

        def fail() -> Response:
            raise ValueError("canary")

        app.add_url_rule("/", "fail", fail)
        answer = app.test_client().get("/", headers={"Accept": "application/json"})
        assert answer.status_code == 500
        assert b"canary" not in answer.data
        assert "ValueError at test_routes_parts.py:" in caplog.text
        assert "canary" not in caplog.text

    def test_an_error_without_a_row(self, app: Flask) -> None:
        """One that was never meant for the outside is a 500 too, and no broken answer."""
        problems.install(app)

        def fail() -> Response:
            raise errors.DropExists

        app.add_url_rule("/", "fail", fail)
        app.config["PROPAGATE_EXCEPTIONS"] = False
        assert app.test_client().get("/", headers={"Accept": "text/plain"}).status_code == 500


class TestAnswers:
    """Shapes and words."""

    @pytest.mark.parametrize(
        ("accept", "kind"),
        [
            ("", HTML), ("*/*", HTML), ("text/html,application/xhtml+xml,*/*;q=0.8", HTML), ("application/json", JSON),
            ("text/plain", TEXT), ("text/plain;q=0.5, application/json", JSON), ("image/png", HTML), ("garbage", HTML),
        ],
    )  # fmt: skip
    def test_what_is_wanted(self, accept: str, kind: str) -> None:
        """As the client likes it best, and a page where it does not say."""
        assert wanted(request(headers={"Accept": accept} if accept else {})) == kind

    def test_text_lines(self) -> None:
        """One `key: value` a line, which nothing can break up."""
        answer = text_answer({"a": 1, "b": None, "c": ["x", "y"]})
        assert answer.get_data(as_text=True) == "a: 1\nb: \nc: x, y\n"

    def test_times_and_sizes(self) -> None:
        """For programs and for people."""
        assert rfc3339(1_795_878_000) == "2026-11-28T15:00:00Z"
        assert in_words(1_795_878_000) == "Saturday 28 November 2026, 15:00 UTC"
        assert [size_in_words(size) for size in (0, 1, 1023, 1024, 1536, 5 * 2**30)] == [
            "0 bytes", "1 bytes", "1023 bytes", "1 KiB", "1.5 KiB", "5 GiB",
        ]  # fmt: skip
        assert [downloads_in_words(count) for count in (None, 0, 1, 2)] == [
            "no limit",
            "0 downloads",
            "1 download",
            "2 downloads",
        ]
