"""Static files under names that carry their hash, so that they can be kept for a year and are never stale."""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from flask import Blueprint, Response, abort, request

_HASH_LENGTH = 12
_FOREVER = "public, max-age=31536000, immutable"
_COMPRESSED = {"text/css", "image/svg+xml", "text/javascript"}


@dataclass(frozen=True)
class Asset:
    """One file, in memory.

    Attributes:
        content: Its bytes.
        compressed: The same by gzip, where that is worth it.
        type: Its media type.
    """

    content: bytes
    compressed: bytes | None
    type: str


class Assets:
    """All static files of a folder; they are small and few, and read once.

    Args:
        folder: Where they are.
    """

    def __init__(self, folder: Path) -> None:
        self._urls: dict[str, str] = {}
        self._assets: dict[str, Asset] = {}
        for path in sorted(folder.rglob("*")):
            kind = mimetypes.guess_type(path.name)[0]
            if path.is_file() and kind is not None and kind != "text/markdown":
                self._read(path, path.relative_to(folder).as_posix(), kind)

    def _read(self, path: Path, name: str, kind: str) -> None:
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()[:_HASH_LENGTH]
        stem, _, ending = name.rpartition(".")
        hashed = f"{stem}.{digest}.{ending}"
        compressed = gzip.compress(content, mtime=0) if kind in _COMPRESSED else None
        self._urls[name] = f"/static/{hashed}"
        self._assets[hashed] = Asset(content, compressed, kind)

    def url(self, name: str) -> str:
        """Where a file is found, for templates.

        Raises:
            KeyError: there is no such file.
        """
        return self._urls[name]

    def blueprint(self) -> Blueprint:
        """The route that serves them."""
        blueprint = Blueprint("assets", __name__)

        @blueprint.get("/static/<path:hashed>")
        def asset(hashed: str) -> Response:
            found = self._assets.get(hashed)
            if found is None:
                abort(404)
            gzipped = found.compressed is not None and request.accept_encodings.quality("gzip") > 0
            content = found.compressed if gzipped and found.compressed else found.content
            response = Response(content, content_type=found.type)
            response.headers["Cache-Control"] = _FOREVER
            response.headers["Vary"] = "Accept-Encoding"
            if gzipped:
                response.headers["Content-Encoding"] = "gzip"
            return response

        return blueprint
