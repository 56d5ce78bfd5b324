"""Fetching a drop: the share page, the page for a typed file ID, and the download itself."""

from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from flask import Blueprint, Response, request

from dropbox_app.drops.file_ids import parse_file_id
from dropbox_app.errors import (
    Busy,
    DropNotFound,
    PlainWayOff,
    Refused,
    Throttled,
    TwinlockError,
    WrongPasswords,
)
from dropbox_app.model import FileId
from dropbox_app.routes.answers import HTML, page, still_page, wanted
from dropbox_app.routes.fields import read_fields
from dropbox_app.routes.headers import CONTENT_POLICY
from dropbox_app.routes.plain import PlainDownload, PlainWay
from dropbox_app.routes.problems import detail_of, problem_of, retry_after, tell
from dropbox_app.routes.rates import Rates

_PASSWORDS = ("first_password", "second_password")
_TRY_AGAIN = (WrongPasswords, Refused, Throttled, Busy)
"""What is told on the form itself, so that it can be filled in again."""


def blueprint(plain: PlainWay, rates: Rates, *, offered: bool) -> Blueprint:
    """The routes.

    Args:
        plain: Opens what goes out.
        rates: Counts tries.
        offered: Whether the plain way is.
    """
    routes = Blueprint("fetch", __name__)

    routes.add_url_rule("/download", "download_page", still_page("download.html", file_id="", error=None))

    @routes.get("/d/<untrusted_id>")
    def share_page(untrusted_id: str) -> Response:
        # The same whether the drop exists or not: only somebody with both passwords learns that.
        return page("share.html", file_id=parse_file_id(untrusted_id), error=None)

    @routes.post("/d/<untrusted_id>")
    def fetch(untrusted_id: str) -> Response:
        file_id = parse_file_id(untrusted_id)
        fields = claim(_PASSWORDS)
        try:
            return send(open_drop(file_id, fields))
        except _TRY_AGAIN as error:
            return tell_on_form("share.html", file_id, error)

    @routes.post("/download")
    def fetch_typed() -> Response:
        fields = claim(("file_id", *_PASSWORDS))
        try:
            return send(open_drop(_id_of(fields["file_id"]), fields))
        except _TRY_AGAIN as error:
            return tell_on_form("download.html", fields["file_id"], error)

    def claim(known: tuple[str, ...]) -> dict[str, str]:
        if not offered:
            raise PlainWayOff
        rates.count_claim(request)
        return read_fields(request, known)

    def open_drop(file_id: FileId, fields: Mapping[str, str]) -> PlainDownload:
        return plain.find(file_id, *(fields[name] for name in _PASSWORDS))

    return routes


def tell_on_form(template: str, file_id: str, error: TwinlockError) -> Response:
    """An error above the form that it is about, for a browser; as it is, for others."""
    kind = wanted(request)
    if kind != HTML:
        return tell(error, kind)
    row = problem_of(error)
    form = page(template, row.status, file_id=file_id, error={"title": row.title, "detail": detail_of(error)})
    seconds = retry_after(error)
    if seconds is not None:
        form.headers["Retry-After"] = str(seconds)
    return form


def send(download: PlainDownload) -> Response:
    """Stream a drop as an attachment, with its exact length: a transfer that is cut is seen to be."""
    response = Response(download.pieces(), content_type="application/octet-stream")
    response.content_length = download.size
    response.headers["Content-Disposition"] = attachment(download.name)
    response.headers["Content-Security-Policy"] = CONTENT_POLICY
    response.call_on_close(download.close)
    return response


def attachment(name: str) -> str:
    """``Content-Disposition`` with a name in ASCII and in full (RFC 6266, RFC 8187)."""
    plain_name = "".join(char if " " <= char <= "~" and char not in '"\\%' else "_" for char in name)
    full_name = quote(name, safe="!#$&+-.^_`|~")
    return f"attachment; filename=\"{plain_name}\"; filename*=UTF-8''{full_name}"


def _id_of(untrusted: str) -> FileId:
    """A file ID, or the link that has it at its end."""
    text = untrusted.strip()
    if not text:
        raise Refused("file_id", "is missing")
    try:
        path = urlsplit(text).path
    except ValueError:
        raise DropNotFound from None
    return parse_file_id(path.rstrip("/").rpartition("/")[2])
