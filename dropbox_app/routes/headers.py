"""The headers of every answer. Pages load nothing but this service's own style and pictures, and run nothing."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_ISOLATED = "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
PAGE_POLICY = f"default-src 'none'; style-src 'self'; img-src 'self'; {_ISOLATED}"
CONTENT_POLICY = f"sandbox; default-src 'none'; {_ISOLATED}"
"""For what a drop contains, which is data and never a page."""
_FEATURES = (
    "accelerometer", "autoplay", "bluetooth", "browsing-topics",
    "camera", "clipboard-read", "clipboard-write", "compute-pressure", "cross-origin-isolated", "display-capture",
    "encrypted-media", "fullscreen", "gamepad", "geolocation", "gyroscope", "hid", "identity-credentials-get",
    "idle-detection", "keyboard-map", "local-fonts", "magnetometer", "microphone", "midi", "otp-credentials", "payment",
    "picture-in-picture", "publickey-credentials-create", "publickey-credentials-get",
    "screen-wake-lock", "serial", "storage-access", "sync-xhr", "usb", "web-share", "window-management",
    "xr-spatial-tracking",
)  # fmt: skip
ALWAYS = [
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Embedder-Policy", "require-corp"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", ", ".join(f"{feature}=()" for feature in _FEATURES)),
]
UNLESS_SET = [("Content-Security-Policy", PAGE_POLICY), ("Cache-Control", "no-store")]


def install(app: Flask) -> None:
    """Add the headers to every answer; a handler may have set its own policy of contents and of caching.

    This stands around the whole application, so that no error of the framework goes without them.
    """
    app.wsgi_app = with_headers(app.wsgi_app)  # type: ignore[method-assign, assignment]


def with_headers(application: "WSGIApplication") -> "WSGIApplication":
    """The same application with the headers."""

    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Callable[[bytes], object]:
            names = {name for name, _ in headers}
            missing = [header for header in UNLESS_SET if header[0] not in names]
            return start_response(status, [*headers, *missing, *ALWAYS], *error)

        return application(environ, start)

    return answer
