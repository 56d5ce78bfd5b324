"""Small forms: `application/x-www-form-urlencoded`, at most 64 KiB, with the fields that are known and no others."""

from collections.abc import Collection
from urllib.parse import parse_qsl

from flask import Request

from dropbox_app.errors import BadRequest, Refused, UnsupportedMediaType
from dropbox_app.routes.body import open_body

LONGEST = 64 * 1024
_MOST_FIELDS = 16
_SECONDS = 20.0


def read_fields(request: Request, known: Collection[str]) -> dict[str, str]:
    """The fields of a small form; a missing one is the empty text.

    Raises:
        UnsupportedMediaType: it is another kind of body.
        TooLarge: it is longer than 64 KiB.
        Refused: a field is unknown or comes twice.
        BadRequest: it is not UTF-8, or too many fields.
    """
    body = open_body(request, LONGEST)
    if request.mimetype != "application/x-www-form-urlencoded":
        raise UnsupportedMediaType("the form has to be application/x-www-form-urlencoded")
    body.check_limit()
    # One byte more than is taken: a chunked body that fills it is too long, and not cut in silence.
    buffer = bytearray(LONGEST + 1 if body.length is None else body.length)
    with body.within(_SECONDS):
        count = body.read_into(memoryview(buffer))
    try:
        pairs = parse_qsl(
            bytes(buffer[:count]).decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise BadRequest("the form is not UTF-8, or has too many fields") from None
    fields = dict.fromkeys(known, "")
    for position, (name, value) in enumerate(pairs):
        if name not in known:
            raise Refused("form", f"has an unknown field; known are {', '.join(known)}")
        if name in (earlier for earlier, _ in pairs[:position]):
            raise Refused(name, "comes twice")
        fields[name] = value
    return fields
