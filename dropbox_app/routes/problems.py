"""The one table that turns what went wrong into HTTP, and the three shapes it is told in."""

import logging
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from flask import Flask, Request, Response, request
from werkzeug.exceptions import HTTPException

from dropbox_app import errors
from dropbox_app.routes.answers import HTML, JSON, TEXT, json_answer, page, wanted

_log = logging.getLogger(__name__)
_TYPE = "urn:twinlock:problem:"
_FETCH_AGAIN = ("Fetch another drop", "/download")
_HOME = ("Back to the start", "/")
Step = tuple[str, str] | str


@dataclass(frozen=True)
class Problem:
    """How an error is told.

    Attributes:
        status: The HTTP status.
        name: The end of its stable ``type`` (RFC 9457).
        title: What happened, the same for every occurrence.
        steps: What to do next: sentences, or texts with a link.
    """

    status: int
    name: str
    title: str
    steps: Sequence[Step] = (_HOME,)


_PROBLEMS: dict[type[errors.TwinlockError], Problem] = {
    errors.BadRequest: Problem(400, "bad-request", "The request cannot be read"),
    errors.UnsupportedMediaType: Problem(415, "unsupported-media-type", "A body of this kind is not read here"),
    errors.PlainWayOff: Problem(403, "plain-way-off", "This service does not seal or open for its users",
        ("Its operator has switched that off. Seal and open on your own machine instead.", _HOME)),
    errors.WrongPasswords: Problem(
        403,
        "wrong-passwords",
        "These are not the passwords of this drop",
        ("Both passwords are needed; which is first and which is second does not matter.",
         "Check them for typing mistakes, letter by letter, with whoever sent them.", _FETCH_AGAIN),
    ),
    errors.WrongOwnerToken: Problem(
        403, "wrong-owner-token", "This is not the owner token of this drop",
        ("Look at the page, or the answer, that you got when you left the drop.", ("Try again", "/owner"))
    ),
    errors.DropNotFound: Problem(
        404, "not-found", "There is no such drop",
        ("It may have expired, been fetched as often as it may be, or been deleted; or its ID has a typing mistake.",
         "Ask whoever sent it to leave it again.", _FETCH_AGAIN)
    ),
    errors.TooLarge: Problem(413, "too-large", "That is more than this service takes"),
    errors.Refused: Problem(422, "refused-field", "Something in the request breaks a rule",
        ("Go back, mend it, and send it again; nothing was kept.", _HOME)),
    errors.Throttled: Problem(429, "throttled", "Too many tries",
        ("Wait, then try again. No download was used up.",)),
    errors.DamagedContainer: Problem(500, "damaged", "The stored drop is damaged",
        ("It cannot be opened any more. Ask whoever sent it to leave it again.",)),
    errors.Busy: Problem(503, "busy", "The service is busy", ("Try again in a few seconds. No download was used up.",)),
    errors.StoreUnavailable: Problem(503, "store-unavailable", "The service cannot reach its storage",
        ("Nothing is lost. Try again in a few minutes.",)),
    errors.StoreFull: Problem(507, "full", "The service is full",
        ("Nothing of the upload was kept. Try a smaller file, or another time.", _HOME)),
}  # fmt: skip
_RETRY_STORE = 10


def problem_of(error: errors.TwinlockError) -> Problem:
    """The row of the table for this error."""
    return next(_PROBLEMS[kind] for kind in type(error).__mro__ if kind in _PROBLEMS)


def detail_of(error: errors.TwinlockError) -> str:
    """One sentence about this occurrence, for whoever caused it."""
    match error:
        case errors.Refused(field=field, reason=reason):
            return f"{field}: {reason}."
        case errors.BadRequest(reason=reason):
            return f"{reason[0].upper()}{reason[1:]}."
        case errors.TooLarge(limit=limit):
            return f"At most {limit} bytes are taken."
        case errors.Throttled(retry_after=seconds) | errors.Busy(retry_after=seconds):
            return f"Try again in {seconds} seconds."
        case _:
            return f"{problem_of(error).title}."


def retry_after(error: errors.TwinlockError) -> int | None:
    """Seconds after which trying again makes sense; None where it does not."""
    match error:
        case errors.Throttled(retry_after=seconds) | errors.Busy(retry_after=seconds):
            return seconds
        case errors.StoreUnavailable():
            return _RETRY_STORE
        case _:
            return None


def tell(error: errors.TwinlockError, kind: str) -> Response:
    """An error as a page, a problem document, or a line."""
    row = problem_of(error)
    # Being busy is no fault, and a burst would fill the log with it.
    if row.status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, errors.Busy):
        _log.error("%s: %s", row.name, "; ".join(_chain(error)))
    return _answer(kind, row, detail_of(error), retry_after(error))


def _answer(kind: str, row: Problem, detail: str, seconds: int | None) -> Response:
    if kind == JSON:
        value = {"type": _TYPE + row.name, "title": row.title, "status": row.status, "detail": detail}
        answer = json_answer(value, row.status, "application/problem+json")
    elif kind == TEXT:
        line = detail if detail == f"{row.title}." else f"{row.title}. {detail}"
        answer = Response(f"{line}\n", row.status, content_type="text/plain; charset=utf-8")
    else:
        answer = page(
            "error.html",
            row.status,
            status=row.status,
            title=row.title,
            detail=detail,
            next_steps=row.steps,
            retry_after=seconds,
        )
    if seconds is not None:
        answer.headers["Retry-After"] = str(seconds)
    return answer


def _chain(error: BaseException | None) -> list[str]:
    """An error and its causes by their kind and place, without their messages, which may quote what was sent."""
    told = []
    while error is not None:
        frames = traceback.extract_tb(error.__traceback__)
        place = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "?"
        told.append(f"{type(error).__name__} at {place}")
        error = error.__cause__
    return told


def default_kind(request: Request) -> str:
    """What an error is told in where the client does not care: text for a raw upload, else a page."""
    return TEXT if request.method == "PUT" else HTML


def install(app: Flask) -> None:
    """Answer every error of this application in the shape its client asks for."""

    @app.errorhandler(errors.TwinlockError)
    def domain_error(error: errors.TwinlockError) -> Response:
        return tell(error, wanted(request, default_kind(request)))

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        status = error.code or 500
        phrase = HTTPStatus(status).phrase
        row = Problem(status, phrase.lower().replace(" ", "-"), phrase)
        answer = _answer(wanted(request, default_kind(request)), row, error.description or f"{phrase}.", None)
        for name, value in error.get_headers():
            if name == "Allow":
                answer.headers[name] = value
        return answer

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        _log.error("unexpected: %s", "; ".join(_chain(error)))
        row = Problem(500, "internal", "Something went wrong here")
        detail = "This is a fault of the service, not yours."
        return _answer(wanted(request, default_kind(request)), row, detail, None)
