"""Sealing a body from pieces of any size, with one reused buffer."""

from dropbox_app.container.body.key import BodyKey
from dropbox_app.container.body.layout import CHUNK, TAG, sealed_length

Data = bytes | bytearray | memoryview


class BodyWriter:
    """Seals what comes, chunk by chunk. Only an incomplete chunk at the ends of a piece is ever copied.

    What it returns lies in one buffer, as large as the largest piece needed, and is valid until the next call.

    Args:
        key: A key with which nothing has been sealed yet. The body begins with its ``prefix``.
    """

    def __init__(self, key: BodyKey) -> None:
        self._key = key
        self._index = 0
        self._rest = memoryview(bytearray(CHUNK))
        self._held = 0
        self._out = memoryview(bytearray())
        self._finished = False

    def update(self, data: Data) -> memoryview:
        """Seal the chunks that are full with this piece; none may be.

        Raises:
            RuntimeError: the body is finished.
        """
        if self._finished:
            raise RuntimeError("this body is finished")
        view = memoryview(data).cast("B")
        out = self._room(self._held + len(view))
        written = 0
        if self._held:
            view = self._hold(view)
            if self._held == CHUNK:
                written = self._seal(self._rest, out)
                self._held = 0
        for start in range(0, len(view) - CHUNK + 1, CHUNK):
            written += self._seal(view[start : start + CHUNK], out[written:])
        if view:
            self._hold(view[len(view) - len(view) % CHUNK :])
        return out[:written]

    def finish(self, data: Data = b"") -> memoryview:
        """Seal the last piece and the last chunk, which is shorter than the others and may be empty.

        Raises:
            RuntimeError: the body is finished already.
        """
        sealed = self.update(data)
        self._finished = True
        last = self._seal(self._rest[: self._held], self._out[len(sealed) :])
        return self._out[: len(sealed) + last]

    def _hold(self, view: memoryview) -> memoryview:
        """Keep the beginning of what does not fill a chunk; returns what there was no room for."""
        taken = min(CHUNK - self._held, len(view))
        self._rest[self._held : self._held + taken] = view[:taken]
        self._held += taken
        return view[taken:]

    def _seal(self, plaintext: memoryview, out: memoryview) -> int:
        written = self._key.seal_into(self._index, plaintext, out)
        self._index += 1
        return written

    def _room(self, length: int) -> memoryview:
        """The buffer, with room for the last chunk, too."""
        needed = sealed_length(length) + TAG
        if len(self._out) < needed:
            self._out = memoryview(bytearray(needed))
        return self._out
