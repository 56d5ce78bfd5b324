"""Where links begin: at the configured address, or at the host that was asked for, if that may be believed."""

from functools import lru_cache

from flask import Flask, Request, request

from dropbox_app.config import Settings
from dropbox_app.errors import BadRequest
from dropbox_app.model import FileId


class Links:
    """Makes links.

    Args:
        settings: ``PUBLIC_URL`` and ``TRUSTED_HOSTS`` count.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def base(self, request: Request) -> str:
        """What links begin with, without a slash at the end."""
        return self._settings.public_url or request.host_url.rstrip("/")

    def share(self, request: Request, file_id: FileId) -> str:
        """The link that is handed over."""
        return f"{self.base(request)}/d/{file_id}"

    def owner(self, request: Request, file_id: FileId) -> str:
        """The link for the uploader; the token, a secret, is never part of it."""
        return f"{self.base(request)}/owner?file_id={file_id}"

    def install(self, app: Flask) -> None:
        """Refuse requests for a host that no link may begin with, before anything else is done.

        It also keeps a page of another name, which was pointed at this address, from talking to a service on a laptop.
        """
        if self._settings.public_url is not None:
            return

        trusted = lru_cache(256)(self._settings.trusts_host)

        @app.before_request
        def check_host() -> None:
            if not trusted(request.headers.get("Host", "")) and request.path not in ("/healthz", "/readyz"):
                raise BadRequest("this service does not answer to that host name; its operator can set PUBLIC_URL")
