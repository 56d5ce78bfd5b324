"""Opening any part of a body that lies in a source with random access."""

from dropbox_app.container.body.key import BodyKey
from dropbox_app.container.body.layout import BODY_PREFIX, CHUNK, SEALED_CHUNK, opened_length
from dropbox_app.container.ranges import RangeSource
from dropbox_app.errors import DamagedContainer


class BodyFile:
    """A body whose size, commitment and last chunk have been verified, in this order, before anything is given.

    Args:
        file_key: 32 bytes.
        context: What the body is bound to; may be empty.
        source: Where it lies, up to the source's end.
        start: Where in the source it begins.

    Raises:
        DamagedContainer: no body has this size, or commitment or last chunk are not what was sealed.
        ValueError: the file key has not 32 bytes.
    """

    def __init__(self, file_key: bytes, context: bytes, source: RangeSource, start: int = 0) -> None:
        self._source = source
        self._first = start + BODY_PREFIX
        self._sealed_size = source.size - self._first
        self.size = opened_length(self._sealed_size)
        """Bytes of the plaintext."""
        prefix = bytearray(BODY_PREFIX)
        self._fill(start, memoryview(prefix))
        self._key = BodyKey.open(file_key, context, bytes(prefix))
        self._last_start = self.size // CHUNK * CHUNK
        self._last = self._opened(self.size // CHUNK, self.size // CHUNK + 1)

    def open_pieces_into(self, chunk_index: int, buffer: memoryview) -> int:
        """Read and open as many consecutive chunks as the buffer takes, within the buffer.

        Args:
            chunk_index: The chunk to begin with.
            buffer: Writable, the caller's own, with room for at least one sealed chunk (16,400 bytes).

        Returns:
            How many bytes of plaintext now lie at its front; 0 at and after the end.

        Raises:
            DamagedContainer: a chunk is not what was sealed.
            ValueError: the buffer is too small for a chunk.
        """
        room = len(buffer) // SEALED_CHUNK * SEALED_CHUNK
        if not room:
            raise ValueError("the buffer takes at least one sealed chunk")
        offset = chunk_index * SEALED_CHUNK
        left = self._sealed_size - offset
        if left <= 0:
            return 0
        piece = buffer[: min(room, left)]
        self._fill(self._first + offset, piece)
        return self._key.open_in_place(chunk_index, piece, last=left <= room)

    def read(self, offset: int, length: int) -> bytes:
        """Read a part of the plaintext, all of it in memory.

        Returns:
            ``length`` bytes, fewer only if the end comes first.

        Raises:
            DamagedContainer: a chunk that it lies in is not what was sealed.
            ValueError: a negative offset or length.
        """
        if offset < 0 or length < 0:
            raise ValueError("offset and length are not negative")
        end = min(offset + length, self.size)
        if offset >= end:
            return b""
        if offset >= self._last_start:
            return self._last[offset - self._last_start : end - self._last_start]
        first = offset // CHUNK
        return self._opened(first, (end - 1) // CHUNK + 1)[offset - first * CHUNK : end - first * CHUNK]

    def _opened(self, first: int, end: int) -> bytes:
        buffer = memoryview(bytearray((end - first) * SEALED_CHUNK))
        return bytes(buffer[: self.open_pieces_into(first, buffer)])

    def _fill(self, offset: int, buffer: memoryview) -> None:
        if self._source.read_into(offset, buffer) != len(buffer):
            raise DamagedContainer("the container is shorter than its size")
