"""The upload form, read as it comes: `multipart/form-data` (RFC 7578) as a stream of fields and files."""

from collections.abc import Iterator
from dataclasses import dataclass

from multipart import (
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
    parse_options_header,
)

from dropbox_app.errors import BadRequest, Refused, UnsupportedMediaType
from dropbox_app.routes.body import PIECE, RequestBody

FIELDS = ("first_password", "second_password", "lifetime", "downloads", "note")
_LONGEST = {"note": 2 * 64 * 1024}
_LONGEST_OTHER = 8 * 1024
MAX_OVERHEAD = 2**20
"""Bytes that a form may have besides its files."""


@dataclass(frozen=True)
class Field:
    """A field that is no file, whole."""

    name: str
    value: str


@dataclass(frozen=True)
class FileStart:
    """From here on, until the next start or field, pieces of one file follow.

    Attributes:
        name: What the sender calls it; may be hostile, or empty.
        type: What the sender says it is, if anything.
    """

    name: str
    type: str | None


def read_form(body: RequestBody, content_type: str) -> Iterator[Field | FileStart | bytes]:
    """Read a form, giving fields, starts of files, and pieces of files as they come.

    An input without a chosen file, which browsers send as an empty file without a name, is passed over.

    Raises:
        Refused: an unknown field, a field that comes twice, is too long or not UTF-8, or comes after the first file.
        BadRequest: this is no such form, or it has no end.
        TooLarge: the body is.
    """
    kind, options = parse_options_header(content_type)
    if kind != "multipart/form-data" or not options.get("boundary"):
        raise UnsupportedMediaType("the form has to be multipart/form-data with a boundary")
    rules = _Rules()
    part: _FieldPart | _FilePart | None = None
    try:
        with PushMultipartParser(options["boundary"], max_header_size=8192) as parser:
            for event in _events(parser, body, rules):
                if isinstance(event, MultipartSegment):
                    part = rules.begin(event)
                    yield from part.start()
                elif part is not None:
                    yield from part.end() if event is None else part.data(event)
    except ParserLimitReached as error:
        raise BadRequest("the headers of a part of the form are too long") from error
    except MultipartError as error:
        raise BadRequest("the form is damaged, or has no end") from error


def _events(
    parser: PushMultipartParser, body: RequestBody, rules: "_Rules"
) -> Iterator[MultipartSegment | bytes | None]:
    """Whole pieces once a file has begun; before that whatever comes, so that its passwords are hashed meanwhile."""
    view = memoryview(bytearray(PIECE))
    while count := (body.read_into if rules.files_began else body.read_some)(view):
        yield from parser.parse(bytes(view[:count]))


class _Rules:
    """Which parts may come when."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self.files_began = False

    def begin(self, segment: MultipartSegment) -> "_FieldPart | _FilePart":
        name = str(segment.name)
        if name == "file":
            if segment.filename is None:
                raise Refused("file", "has to be a file")
            self.files_began = True
            return _FilePart(FileStart(segment.filename, segment.content_type))
        if name not in FIELDS:
            raise Refused("form", f"has an unknown field; known are {', '.join(FIELDS)} and file")
        if segment.filename is not None:
            raise Refused(name, "has to be text, not a file")
        if name in self._seen:
            raise Refused(name, "comes twice")
        if self.files_began and name != "note":
            raise Refused(name, "has to come before the files")
        self._seen.add(name)
        return _FieldPart(name)


class _FilePart:
    """Gives its start at once, or with the first piece if it has no name: an empty one without a name is no file."""

    def __init__(self, start: FileStart) -> None:
        self._start: FileStart | None = start

    def start(self) -> Iterator[FileStart]:
        if self._start is not None and self._start.name:
            yield self._start
            self._start = None

    def data(self, piece: bytes) -> Iterator[FileStart | bytes]:
        if self._start is not None:
            yield self._start
            self._start = None
        yield piece

    def end(self) -> Iterator[FileStart]:
        yield from ()


class _FieldPart:
    """Collects a field's value, up to its limit."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._value = bytearray()

    def start(self) -> Iterator[Field]:
        yield from ()

    def data(self, piece: bytes) -> Iterator[Field]:
        self._value += piece
        if len(self._value) > _LONGEST.get(self._name, _LONGEST_OTHER):
            raise Refused(self._name, "is too long")
        yield from ()

    def end(self) -> Iterator[Field]:
        try:
            yield Field(self._name, self._value.decode())
        except UnicodeDecodeError:
            raise Refused(self._name, "is not UTF-8") from None
