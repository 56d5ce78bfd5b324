"""The upload form as a stream: every rule, and every place where a body can be cut or split."""

import contextlib
import io
import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dropbox_app.errors import BadRequest, Refused, TooLarge, TwinlockError, UnsupportedMediaType
from dropbox_app.routes.body import PIECE, RequestBody
from dropbox_app.routes.form import Field, FileStart, read_form

TYPE = "multipart/form-data; boundary=limit"
FILE = 'name="file"; filename="a.txt"\r\nContent-Type: text/plain'
EMPTY_INPUT = 'name="file"; filename=""\r\nContent-Type: application/octet-stream'
ONE_FIELD = ('name="note"', b"words")


def form(*parts: tuple[str, bytes], end: bytes = b"--limit--\r\n") -> bytes:
    """A form of these parts, each the end of its Content-Disposition line and its content."""
    return b"".join(
        b"--limit\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + content + b"\r\n"
        for head, content in parts
    ) + end  # fmt: skip


class _Splitting(io.RawIOBase):
    """A body that comes in pieces of these lengths, over and over; never more than asked for."""

    def __init__(self, content: bytes, lengths: Sequence[int]) -> None:
        super().__init__()
        self._content = io.BytesIO(content)
        self._lengths = itertools.cycle(lengths)

    def read(self, size: int = -1) -> bytes:
        return self._content.read(min(next(self._lengths), size if size >= 0 else 2**30))


def body_of(content: bytes, lengths: Sequence[int] = (), *, limit: int = 2**30, length: int | None = -1) -> RequestBody:
    """A request's body; its length is announced unless it is None, which stands for a chunked one."""
    environ: dict[str, object] = {"wsgi.input": _Splitting(content, lengths) if lengths else io.BytesIO(content)}
    if length is None:
        environ["HTTP_TRANSFER_ENCODING"] = "chunked"
    else:
        environ["CONTENT_LENGTH"] = str(len(content) if length < 0 else length)
    return RequestBody(environ, limit)


def read(content: bytes, lengths: Sequence[int] = (), content_type: str = TYPE) -> list[Field | FileStart | bytes]:
    """All events of a form, with pieces of one file put together."""
    events: list[Field | FileStart | bytes] = []
    for event in read_form(body_of(content, lengths), content_type):
        if isinstance(event, bytes) and events and isinstance(events[-1], bytes):
            events[-1] += event
        else:
            events.append(event)
    return events


def test_a_whole_form() -> None:
    """Fields come whole, files as their start and their bytes, in the order of the form."""
    content = form(
        ('name="first_password"', "pässword".encode()),
        ('name="lifetime"', b"1h"),
        (FILE, b"\0\r\n--limi\xff"),
        ('name="file"; filename="b"', b"second"),
        ('name="note"', b"a\r\nb"),
    )
    assert read(content) == [
        Field("first_password", "pässword"),
        Field("lifetime", "1h"),
        FileStart("a.txt", "text/plain"),
        b"\0\r\n--limi\xff",
        FileStart("b", None),
        b"second",
        Field("note", "a\r\nb"),
    ]


def test_every_split() -> None:
    """Cut in two at any byte, boundaries and line ends included, a form reads the same."""
    content = form(('name="first_password"', b"one"), (FILE, b"x\r\n--limi\r\n--\r\r\n-"), ('name="note"', b"n"))
    whole = read(content)
    assert whole[2] == b"x\r\n--limi\r\n--\r\r\n-"
    for place in range(1, len(content)):
        environ = {"wsgi.input": _Splitting(content, [place, len(content)]), "CONTENT_LENGTH": str(len(content))}
        body = RequestBody(environ, 2**30)
        # Through the parser itself, so that the pieces are as short as what was received.
        body.read_into = body.read_some  # type: ignore[method-assign]
        assert [*_joined(read_form(body, TYPE))] == whole, place


def _joined(events: object) -> list[Field | FileStart | bytes]:
    joined: list[Field | FileStart | bytes] = []
    for event in events:  # type: ignore[attr-defined]
        if isinstance(event, bytes) and joined and isinstance(joined[-1], bytes):
            joined[-1] += event
        else:
            joined.append(event)
    return joined


@given(st.lists(st.integers(1, 40), min_size=1, max_size=8), st.binary(max_size=200), st.booleans())
def test_any_splits(lengths: list[int], content: bytes, short: bool) -> None:
    """However short the reads are, any content comes through as it is, even if it is made of boundaries."""
    content = content.replace(b"\0", b"\r\n--limi").replace(b"\r\n--limit", b"\r\n--lim")
    whole = form(('name="downloads"', b"5"), (FILE, content), (EMPTY_INPUT, b""))
    body = body_of(whole, lengths)
    if short:
        body.read_into = body.read_some  # type: ignore[method-assign]
    expected: list[object] = [Field("downloads", "5"), FileStart("a.txt", "text/plain")]
    assert _joined(read_form(body, TYPE)) == expected + [content] * bool(content)


def test_large_files_come_in_pieces() -> None:
    """No piece is longer than what is read at a time, whatever the file's size, around the edges too."""
    for size in (PIECE - 200, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 5):
        content = bytes(size)
        pieces = [event for event in read_form(body_of(form((FILE, content))), TYPE) if isinstance(event, bytes)]
        assert max(map(len, pieces)) <= PIECE + 64
        assert b"".join(pieces) == content


def test_chunked_bodies() -> None:
    """A body without an announced length reads the same."""
    events = list(read_form(body_of(form(ONE_FIELD, (FILE, b"x")), length=None), TYPE))
    assert events == [Field("note", "words"), FileStart("a.txt", "text/plain"), b"x"]


class TestEmptyFiles:
    """What browsers send where nothing was chosen, and what only looks like it."""

    def test_an_input_without_a_file_is_passed_over(self) -> None:
        """An empty file without a name is none."""
        assert read(form(ONE_FIELD, (EMPTY_INPUT, b""))) == [Field("note", "words")]

    def test_a_note_may_follow_it(self) -> None:
        """The note's field may come after the input for files."""
        assert read(form((EMPTY_INPUT, b""), ONE_FIELD)) == [Field("note", "words")]

    def test_data_without_a_name_is_a_file(self) -> None:
        """Nothing that was sent is thrown away silently."""
        assert read(form((EMPTY_INPUT, b"data"))) == [FileStart("", "application/octet-stream"), b"data"]

    def test_an_empty_file_with_a_name_is_a_file(self) -> None:
        """Somebody may want to hand over an empty file."""
        assert read(form((FILE, b""), (FILE, b""))) == [FileStart("a.txt", "text/plain")] * 2

    def test_an_empty_form(self) -> None:
        """It has no events; that it is no drop is for others to say."""
        assert read(b"--limit--\r\n") == []


@pytest.mark.parametrize(
    ("field", "parts"),
    [
        ("first_password", [(FILE, b"x"), ('name="first_password"', b"late")]),
        ("downloads", [(FILE, b"x"), ('name="note"', b"n"), ('name="downloads"', b"1")]),
        ("lifetime", [(EMPTY_INPUT, b""), ('name="lifetime"', b"1h")]),
        ("first_password", [('name="first_password"', b"a"), ('name="first_password"', b"a")]),
        ("note", [ONE_FIELD, ONE_FIELD]),
        ("note", [ONE_FIELD, (FILE, b"x"), ONE_FIELD]),
        ("form", [('name="password"', b"a")]),
        ("form", [('name="First_password"', b"a")]),
        ("form", [('name=""', b"a")]),
        ("form", [("", b"a")]),
        ("form", [('name="files"; filename="a"', b"a")]),
        ("form", [('name="first_password\0"', b"a")]),
        ("file", [('name="file"', b"text")]),
        ("note", [('name="note"; filename="note.txt"', b"text")]),
        ("first_password", [('name="first_password"; filename=""', b"text")]),
        ("first_password", [('name="first_password"', b"x" * 8193)]),
        ("note", [('name="note"', b"x" * (128 * 1024 + 1))]),
        ("second_password", [('name="second_password"', b"\xff\xfe")]),
        ("note", [('name="note"', b"cut" + "ü".encode()[:1])]),
        ("note", [('name="note"', b"\xed\xa0\x80")]),
    ],
)
def test_refused_fields(field: str, parts: list[tuple[str, bytes]]) -> None:
    """Late, double, unknown, long, or undecodable fields are refused by their name, without quoting what was sent."""
    with pytest.raises(Refused) as refusal:
        read(form(*parts))
    assert refusal.value.field == field


@pytest.mark.parametrize("size", [8191, 8192])
def test_the_longest_fields(size: int) -> None:
    """A field may have 8 KiB, a note 128 KiB."""
    assert read(form(('name="downloads"', b"x" * size))) == [Field("downloads", "x" * size)]
    assert read(form(('name="note"', b"x" * 128 * 1024))) == [Field("note", "x" * 128 * 1024)]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\r\n",
        b"garbage",
        b"garbage" * 10_000,
        b"--limi--\r\n",
        b"--limit",
        b"--limit\r\n",
        b"--limit\n" + form(ONE_FIELD)[9:],
        b"x--limit\r\n" + form(ONE_FIELD)[9:],
        form(ONE_FIELD, end=b""),
        form(ONE_FIELD, end=b"--limit"),
        form(ONE_FIELD, end=b"--limit\r\n"),
        form(ONE_FIELD, end=b"--limit-"),
        form(ONE_FIELD, end=b"--other--\r\n"),
        form((FILE, b"x"), end=b""),
        form((FILE, b"x"), end=b"--limitation--\r\n"),
        b"--limit\r\n\r\nno headers\r\n--limit--\r\n",
        b"--limit\r\nContent-Type: text/plain\r\n\r\nno name\r\n--limit--\r\n",
        b'--limit\r\nContent-Disposition: attachment; name="note"\r\n\r\nx\r\n--limit--\r\n',
        b'--limit\r\nContent-Disposition form-data; name="note"\r\n\r\nx\r\n--limit--\r\n',
        b'--limit\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nx\r\n--limit--\r\n',
        form((FILE + "\r\nContent-Length: 5", b"x")),
        form((FILE + "\r\nX: " + "x" * 10_000, b"x")),
        form(('name="file"; filename="' + "x" * 10_000 + '"', b"x")),
        form((FILE + "".join(f"\r\nX-{number}: x" for number in range(20)), b"x")),
        b"--limit\r\nContent-Disposition: form-data; " + b"x" * 3 * PIECE,
    ],
)
def test_damaged_forms(content: bytes) -> None:
    """Garbage, forms that have no end, and parts with bad, long or many headers are refused, whole and in pieces."""
    for lengths in ((), (7, 1, 3), (PIECE,)):
        with pytest.raises(BadRequest):
            read(content, lengths)


def test_every_truncation() -> None:
    """A form that ends anywhere before its closing boundary is refused, though its chunked body ended well."""
    content = form(('name="first_password"', b"one"), (FILE, b"content"), ('name="note"', b"n"), end=b"--limit--")
    for length in range(len(content)):
        with pytest.raises(BadRequest):
            list(read_form(body_of(content[:length], length=None), TYPE))
    assert list(read_form(body_of(content, length=None), TYPE))


def test_a_body_that_is_cut() -> None:
    """Fewer bytes than were announced are an error, even if the form looks whole."""
    content = form(ONE_FIELD)
    with pytest.raises(BadRequest):
        list(read_form(body_of(content, length=len(content) + 1), TYPE))


def test_a_body_that_is_too_long() -> None:
    """A chunked one is cut off at the limit."""
    with pytest.raises(TooLarge) as error:
        list(read_form(body_of(form((FILE, bytes(3 * PIECE))), limit=2 * PIECE, length=None), TYPE))
    assert error.value.limit == 2 * PIECE


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        "multipart/mixed; boundary=limit",
        "application/x-www-form-urlencoded",
        "text/plain; boundary=limit",
        "multipart/form-datax; boundary=limit",
        "; boundary=limit",
    ],
)
def test_other_kinds_of_bodies(content_type: str) -> None:
    """Anything but a form with a boundary is refused before a byte of it is read."""
    body = body_of(form(ONE_FIELD))
    with pytest.raises(UnsupportedMediaType):
        list(read_form(body, content_type))
    assert not body.finished


@pytest.mark.parametrize(
    "content_type", ['Multipart/Form-Data; boundary="limit"', "multipart/form-data; charset=utf-8; Boundary=limit"]
)
def test_other_ways_to_say_it(content_type: str) -> None:
    """Case does not count, quotes neither, and other parameters are passed over."""
    assert read(form(ONE_FIELD), content_type=content_type) == [Field("note", "words")]


@pytest.mark.parametrize("boundary", ["a\\nb", "é", "x" * 2000, "'()+_,-./:=?"])
def test_strange_boundaries(boundary: str) -> None:
    """Whatever the boundary, a form that does not have it is damaged, and nothing else goes wrong."""
    with pytest.raises(BadRequest):
        read(form(ONE_FIELD), content_type=f'multipart/form-data; boundary="{boundary}"')


def test_hostile_names_come_as_they_are() -> None:
    """What a file is called is not this module's to judge."""
    events = read(form(('name="file"; filename="../../etc/%22pass\\wd\u202e"', b"x")))
    assert isinstance(events[0], FileStart)
    assert "etc" in events[0].name
    assert "\u202e" in events[0].name


def test_what_follows_the_end_does_not_count() -> None:
    """An epilogue is allowed and ignored (RFC 2046, 5.1.1)."""
    assert read(form(ONE_FIELD) + b"epilogue" + form((FILE, b"x"))) == [Field("note", "words")]


@given(st.binary(max_size=300))
def test_any_bytes_at_all(content: bytes) -> None:
    """Any body is read or refused in the domain's words."""
    for body in (
        content,
        b"--limit\r\n" + content,
        form((FILE, content)),
        b"--limit\r\nContent-Disposition: " + content,
    ):
        with contextlib.suppress(TwinlockError):
            read(body)


def test_a_reader_may_stop() -> None:
    """Whoever has read enough closes the form without an error about its missing end."""
    events = read_form(body_of(form((FILE, b"x" * 10_000))), TYPE)
    next(iter(events))
    events.close()  # type: ignore[attr-defined]
