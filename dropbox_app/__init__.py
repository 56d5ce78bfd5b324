"""Twinlock: an anonymous cloud drop. `create_app` builds the web application."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

__version__ = "0.1.0"


def create_app() -> "Flask":
    """Build the application from the environment's settings.

    The application is imported here and not above, so that importing one part, such as the container, loads no other.
    """
    import click  # noqa: PLC0415

    from dropbox_app.app import create_app as build  # noqa: PLC0415
    from dropbox_app.errors import TwinlockError  # noqa: PLC0415

    command = click.get_current_context(silent=True)
    if command is None:
        return build()
    # An operator's command lets go of everything at its end, and gets one line where it cannot begin.
    try:
        app = build()
    except TwinlockError as error:
        raise click.ClickException(str(error)) from error
    command.call_on_close(app.extensions["twinlock"].close)
    return app
