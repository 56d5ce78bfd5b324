"""Leaving a drop: the upload page, its form, and the raw upload."""

import itertools
from collections.abc import Iterable
from functools import partial
from http import HTTPStatus
from urllib.parse import unquote_to_bytes

from flask import Blueprint, Request, Response, abort, current_app, request
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.routing import PathConverter

from dropbox_app.container.metadata import clean_note
from dropbox_app.drops.lifetimes import DEFAULT_LIFETIME, LIFETIMES, parse_downloads, parse_lifetime
from dropbox_app.errors import BadRequest, PlainWayOff, Refused
from dropbox_app.overlap import Conveyor
from dropbox_app.routes.answers import TEXT, hours_in_words, still_page, wanted
from dropbox_app.routes.body import RequestBody, open_body
from dropbox_app.routes.form import MAX_OVERHEAD, Field, FileStart, read_form
from dropbox_app.routes.links import Links
from dropbox_app.routes.plain import PlainUpload, PlainWay, Sealed
from dropbox_app.routes.rates import Rates
from dropbox_app.routes.receipt import receipt
from dropbox_app.routes.wishes import Wishes


class _AnyPath(PathConverter):
    """A path that may have encoded line breaks in it, which `PathConverter` takes for its end."""

    regex = "(?s:[^/].*?)"


def blueprint(plain: PlainWay, rates: Rates, links: Links, *, offered: bool) -> Blueprint:
    """The routes.

    Args:
        plain: Seals what comes in.
        rates: Counts uploads.
        links: Makes the links of the answer.
        offered: Whether the plain way is.
    """
    routes = Blueprint("leave", __name__)
    routes.record_once(lambda state: state.app.url_map.converters.update(any_path=_AnyPath))

    lifetimes = [
        {"value": value, "label": hours_in_words(hours), "selected": value == DEFAULT_LIFETIME}
        for value, hours in LIFETIMES.items()
    ]
    routes.add_url_rule("/", "home", still_page("home.html", lifetimes=lifetimes))

    def begin(limit: int) -> RequestBody:
        """Everything that can refuse an upload before its body is touched."""
        body = open_body(request, limit)
        if not offered:
            raise PlainWayOff
        if request.query_string:
            raise BadRequest("an upload takes no query: passwords and wishes never go into an address")
        rates.count_upload(request)
        body.check_limit()
        return body

    @routes.post("/")
    def form() -> Response:
        body = begin(plain.max_size + MAX_OVERHEAD)
        plain.check_room(body.length or 0)
        return receipt(request, _take_form(plain, body, request.content_type or ""), links, wanted(request))

    @routes.put("/", defaults={"name": ""})
    @routes.put("/<any_path:name>")
    def put(name: str) -> Response:  # noqa: ARG001 - the decoded path can't tell a slash from %2F
        untrusted_name = _one_segment(request)
        if untrusted_name is None:
            others = current_app.create_url_adapter(request).allowed_methods()  # type: ignore[union-attr]
            raise MethodNotAllowed(sorted({*others} - {"PUT"}), "PUT takes /<file name>, one path segment.")
        body = begin(plain.max_size)
        if "Content-Range" in request.headers:
            # Taking a part for the whole would lose the rest in silence (RFC 9110, 14.5).
            raise BadRequest("an upload cannot be resumed by Content-Range")
        wishes = Wishes.check(
            _header("First-Password", "first_password"),
            _header("Second-Password", "second_password"),
            parse_lifetime(_header("Lifetime", "lifetime")),
            parse_downloads(_header("Downloads", "downloads")),
        )
        with plain.leave(wishes, body.length or 0) as upload:
            upload.begin_file(untrusted_name, request.content_type)
            upload.take_body(body)
            sealed = upload.seal(None)
        return receipt(request, sealed, links, wanted(request, TEXT))

    @routes.get("/<any_path:name>")
    def nothing(name: str) -> Response:  # noqa: ARG001 - without this, an unknown page would be a method not allowed
        abort(HTTPStatus.NOT_FOUND)

    return routes


def _header(name: str, field: str) -> str:
    """A header's value as raw UTF-8, which WSGI hands over as Latin-1."""
    try:
        return request.headers.get(name, "").encode("latin-1").decode()
    except UnicodeError:
        raise Refused(field, "is not UTF-8") from None


def _one_segment(request: Request) -> str | None:
    """The file name that a raw path consists of, decoded; None if it is empty or several segments."""
    raw: str = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or ""
    path = raw.partition("?")[0]
    if path.startswith(("http://", "https://")):
        path = "/" + path.partition("://")[2].partition("/")[2]
    segment = path.removeprefix("/")
    if not segment or "/" in segment:
        return None
    return unquote_to_bytes(segment).decode(errors="replace")


def _take_form(plain: PlainWay, body: RequestBody, content_type: str) -> Sealed:
    """Read the form, sealing its files as they come."""
    fields: dict[str, str] = {}
    events = read_form(body, content_type)
    for event in events:
        if isinstance(event, Field):
            fields[event.name] = event.value
            continue
        early_note = clean_note(fields.get("note", ""))
        with plain.leave(_wishes(fields), body.length or 0) as upload:
            late_note = _take_files(upload, itertools.chain([event], events))
            return upload.seal(late_note or early_note)
    note = clean_note(fields.get("note", ""))
    if note is None:
        raise Refused("file", "is missing: a drop has at least one file, or a note")
    with plain.leave(_wishes(fields), 0) as upload:
        return upload.seal(note)


def _wishes(fields: dict[str, str]) -> Wishes:
    return Wishes.check(
        fields.get("first_password", ""),
        fields.get("second_password", ""),
        parse_lifetime(fields.get("lifetime", "")),
        parse_downloads(fields.get("downloads", "")),
    )


def _take_files(upload: PlainUpload, events: Iterable[Field | FileStart | bytes]) -> str | None:
    """Seal the files of a form while the next of it is read; returns a note that came after them."""
    note = None
    with Conveyor() as conveyor:
        for event in events:
            if isinstance(event, FileStart):
                conveyor.put(partial(upload.begin_file, event.name, event.type))
            elif isinstance(event, Field):
                note = clean_note(event.value)
            else:
                upload.count(len(event))
                conveyor.put(partial(upload.write, event))
    return note
