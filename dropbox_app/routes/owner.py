"""The uploader's page: status and deletion, for whoever has the owner token."""

from flask import Blueprint, Response, request

from dropbox_app.drops.file_ids import parse_file_id
from dropbox_app.drops.service import Drops
from dropbox_app.errors import BadRequest, DropNotFound, Refused, WrongOwnerToken
from dropbox_app.model import FileId
from dropbox_app.routes.answers import (
    HTML,
    JSON,
    downloads_in_words,
    in_words,
    json_answer,
    page,
    rfc3339,
    text_answer,
    wanted,
)
from dropbox_app.routes.fetch import tell_on_form
from dropbox_app.routes.fields import read_fields
from dropbox_app.routes.rates import Rates

_FIELDS = ("file_id", "owner_token", "action")
_LONGEST_TOKEN = 128


def blueprint(drops: Drops, rates: Rates) -> Blueprint:
    """The routes.

    Args:
        drops: The drop rules.
        rates: Counts tries.
    """
    routes = Blueprint("owner", __name__)

    @routes.get("/owner")
    def form() -> Response:
        return page("owner.html", file_id=request.args.get("file_id", ""), error=None, status=None)

    @routes.post("/owner")
    def act() -> Response:
        rates.count_claim(request)
        fields = read_fields(request, _FIELDS)
        try:
            return do(parse_file_id(fields["file_id"].strip()), fields["owner_token"].strip(), fields["action"])
        except (WrongOwnerToken, DropNotFound, Refused) as error:
            return tell_on_form("owner.html", fields["file_id"], error)

    def do(file_id: FileId, untrusted_token: str, action: str) -> Response:
        if action not in ("", "delete"):
            raise BadRequest("the action is delete, or none")
        if not 0 < len(untrusted_token) <= _LONGEST_TOKEN:
            raise Refused("owner_token", "is missing" if not untrusted_token else "is too long")
        kind = wanted(request)
        if action == "delete":
            drops.delete(file_id, untrusted_token)
            if kind == HTML:
                return page("deleted.html", file_id=file_id)
            deleted = {"file_id": file_id, "deleted": True if kind == JSON else "yes"}
            return json_answer(deleted) if kind == JSON else text_answer(deleted)
        status = drops.status(file_id, untrusted_token)
        if kind == HTML:
            left = status.downloads_left
            words = {
                "expires_words": in_words(status.expires),
                "downloads_left_words": downloads_in_words(left) if left else "none" if left == 0 else "no limit",
            }
            return page("owner.html", file_id=file_id, owner_token=untrusted_token, error=None, status=words)
        value = {"expires": rfc3339(status.expires), "downloads_left": status.downloads_left}
        if kind == JSON:
            return json_answer(value)
        return text_answer(
            {**value, "downloads_left": "no limit" if status.downloads_left is None else status.downloads_left}
        )

    return routes
