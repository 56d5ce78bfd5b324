"""The headers of every answer. Pages load nothing but this service's own style and pictures, and run nothing."""

from flask import Flask, Response

_ISOLATED = "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
PAGE_POLICY = f"default-src 'none'; style-src 'self'; img-src 'self'; {_ISOLATED}"
CONTENT_POLICY = f"sandbox; default-src 'none'; {_ISOLATED}"
"""For what a drop contains, which is data and never a page."""
_FEATURES = (
    "accelerometer", "ambient-light-sensor", "attribution-reporting", "autoplay", "bluetooth", "browsing-topics",
    "camera", "clipboard-read", "clipboard-write", "compute-pressure", "cross-origin-isolated", "display-capture",
    "encrypted-media", "fullscreen", "gamepad", "geolocation", "gyroscope", "hid", "identity-credentials-get",
    "idle-detection", "keyboard-map", "local-fonts", "magnetometer", "microphone", "midi", "otp-credentials", "payment",
    "picture-in-picture", "private-aggregation", "publickey-credentials-create", "publickey-credentials-get",
    "screen-wake-lock", "serial", "storage-access", "sync-xhr", "usb", "web-share", "window-management",
    "xr-spatial-tracking",
)  # fmt: skip
_ALWAYS = {
    "Content-Security-Policy": PAGE_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in _FEATURES),
    "Cache-Control": "no-store",
}


def install(app: Flask) -> None:
    """Add the headers to every answer; a handler may have set its own value of one."""

    @app.after_request
    def add(response: Response) -> Response:
        for name, value in _ALWAYS.items():
            response.headers.setdefault(name, value)
        return response
