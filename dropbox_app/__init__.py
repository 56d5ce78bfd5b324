"""Twinlock: an anonymous cloud drop. `create_app` builds the web application."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

__version__ = "0.1.0"


def create_app() -> "Flask":
    """Build the application from the environment's settings.

    The application is imported here and not above, so that importing one part, such as the container, loads no other.
    """
    from dropbox_app.app import create_app as build  # noqa: PLC0415

    return build()
