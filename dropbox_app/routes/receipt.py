"""What an uploader is told about a new drop. The one answer that carries passwords, and it is never given twice."""

from http import HTTPStatus
from typing import Any

from flask import Request, Response

from dropbox_app.routes.answers import (
    JSON,
    TEXT,
    downloads_in_words,
    hours_in_words,
    in_words,
    json_answer,
    page,
    rfc3339,
    text_answer,
)
from dropbox_app.routes.links import Links
from dropbox_app.routes.plain import Sealed


def receipt(request: Request, sealed: Sealed, links: Links, kind: str) -> Response:
    """Answer 201 as a page, JSON or lines.

    Args:
        request: The upload.
        sealed: The new drop.
        links: Makes its links.
        kind: `HTML`, `JSON` or `TEXT`.
    """
    drop = sealed.drop
    value: dict[str, Any] = {
        "file_id": drop.file_id,
        "link": links.share(request, drop.file_id),
        "first_password": sealed.wishes.first,
        "second_password": sealed.wishes.second,
        "owner_token": drop.owner_token,
        "expires": rfc3339(drop.expires),
    }
    if sealed.renamed:
        value["renamed"] = list(sealed.renamed)
    if kind == JSON:
        return json_answer(value, HTTPStatus.CREATED)
    if kind == TEXT:
        return text_answer(value, HTTPStatus.CREATED)
    words = {
        "renamed": list(sealed.renamed),
        "expires_words": in_words(drop.expires),
        "lifetime_words": hours_in_words(sealed.wishes.hours),
        "downloads_words": downloads_in_words(drop.downloads),
        "owner_url": links.owner(request, drop.file_id),
    }
    return page("result.html", HTTPStatus.CREATED, drop={**value, **words})
