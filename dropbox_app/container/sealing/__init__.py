"""Whole containers: who imports this sees plaintext.

`writer` seals, `reader` opens with random access, `stream` opens what arrives piece by piece, `whole` does both in
memory.
"""

from dropbox_app.container.sealing.reader import OpenContainer, read_header
from dropbox_app.container.sealing.stream import ContainerStreamReader
from dropbox_app.container.sealing.whole import open_container, seal_container
from dropbox_app.container.sealing.writer import Sealer

__all__ = [
    "ContainerStreamReader",
    "OpenContainer",
    "Sealer",
    "open_container",
    "read_header",
    "seal_container",
]
