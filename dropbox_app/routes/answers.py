"""What an answer looks like: a page for a browser, JSON, or lines of text, as the client asks for it."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from flask import Request, Response, render_template

HTML, JSON, TEXT = "text/html", "application/json", "text/plain"


def wanted(request: Request, default: str = HTML) -> str:
    """Which of `HTML`, `JSON` and `TEXT` the client likes best; the default where it does not care."""
    kinds = [default, *(kind for kind in (HTML, JSON, TEXT) if kind != default)]
    return request.accept_mimetypes.best_match(kinds, default) or default


def page(template: str, http_status: int = 200, /, **context: Any) -> Response:
    """A page."""
    return Response(render_template(template, **context), http_status, content_type="text/html; charset=utf-8")


def still_page(template: str, **context: Any) -> Callable[[], Response]:
    """A page that is always the same: rendered when it is first asked for, then kept."""

    @cache
    def content() -> bytes:
        return render_template(template, **context).encode()

    return lambda: Response(content(), content_type="text/html; charset=utf-8")


def json_answer(value: Mapping[str, Any], status: int = 200, content_type: str = JSON) -> Response:
    """JSON, with a line feed at its end for people at a terminal."""
    return Response(json.dumps(value, ensure_ascii=False) + "\n", status, content_type=content_type)


def text_answer(value: Mapping[str, Any], status: int = 200) -> Response:
    """One ``key: value`` a line."""
    lines = "".join(f"{key}: {_text(item)}\n" for key, item in value.items())
    return Response(lines, status, content_type="text/plain; charset=utf-8")


def _text(item: object) -> str:
    if isinstance(item, list | tuple):
        return ", ".join(map(str, item))
    return "" if item is None else str(item)


def rfc3339(second: int) -> str:
    """A point in time (seconds since 1970) as in RFC 3339, in UTC."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def in_words(second: int) -> str:
    """The same for people: ``Saturday 28 November 2026, 15:00 UTC``."""
    moment = datetime.fromtimestamp(second, UTC)
    return f"{moment:%A} {moment.day} {moment:%B %Y, %H:%M} UTC"


def hours_in_words(hours: int) -> str:
    """A lifetime for people: ``1 hour``, ``7 days``."""
    count, unit = (hours // 24, "day") if hours % 24 == 0 else (hours, "hour")
    return f"1 {unit}" if count == 1 else f"{count} {unit}s"


def downloads_in_words(count: int | None) -> str:
    """A number of downloads for people."""
    if count is None:
        return "no limit"
    return "1 download" if count == 1 else f"{count} downloads"


def size_in_words(size: int) -> str:
    """A number of bytes for people: ``5 GiB``, ``1.5 MiB``."""
    units = ("bytes", "KiB", "MiB", "GiB", "TiB")
    power = min((max(size, 1).bit_length() - 1) // 10, len(units) - 1)
    return f"{size / 1024**power:.4g} {units[power]}"
