"""Pages that only say something, and the two questions that monitors ask."""

from http import HTTPStatus

from flask import Blueprint, Response

from dropbox_app.drops.service import Drops
from dropbox_app.errors import StoreFull, StoreUnavailable
from dropbox_app.routes.answers import json_answer, still_page


def blueprint(drops: Drops) -> Blueprint:
    """The routes.

    Args:
        drops: Asks the stores.
    """
    routes = Blueprint("pages", __name__)

    routes.add_url_rule("/about", "about", still_page("about.html"))

    @routes.get("/healthz")
    def alive() -> Response:
        return json_answer({"alive": True})

    @routes.get("/readyz")
    def ready() -> Response:
        try:
            drops.check()
        except (StoreFull, StoreUnavailable):
            return json_answer({"ready": False}, HTTPStatus.SERVICE_UNAVAILABLE)
        return json_answer({"ready": True})

    return routes
