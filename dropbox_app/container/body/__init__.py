"""The body: C2SP chunked encryption, instance Cobblestone-256, unchanged (https://c2sp.org/chunked-encryption).

`key` seals and opens chunks; `writer`, `whole`, `stream` and `file` are the ways over a whole body.
"""

from dropbox_app.container.body.file import BodyFile
from dropbox_app.container.body.key import BodyKey
from dropbox_app.container.body.layout import BODY_PREFIX, BODY_SALT_SIZE, CHUNK, MAX_CHUNKS, SEALED_CHUNK, TAG
from dropbox_app.container.body.stream import BodyStreamReader
from dropbox_app.container.body.whole import open_body
from dropbox_app.container.body.writer import BodyWriter

__all__ = [
    "BODY_PREFIX",
    "BODY_SALT_SIZE",
    "CHUNK",
    "MAX_CHUNKS",
    "SEALED_CHUNK",
    "TAG",
    "BodyFile",
    "BodyKey",
    "BodyStreamReader",
    "BodyWriter",
    "open_body",
]
