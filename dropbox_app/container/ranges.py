"""Where a reader with random access gets its bytes from."""

from typing import Protocol


class RangeSource(Protocol):
    """A sealed container that lies somewhere: in memory, on a disk, behind HTTP Range."""

    @property
    def size(self) -> int:
        """Bytes in all; does not change."""

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """Fill the buffer from this offset on.

        Returns:
            How many bytes were written: the buffer's length, fewer only if the end comes first.
        """


class BytesSource:
    """A container in memory.

    Args:
        untrusted: All of its bytes; they are not copied.
    """

    def __init__(self, untrusted: bytes | bytearray | memoryview) -> None:
        self._view = memoryview(untrusted).cast("B").toreadonly()

    @property
    def size(self) -> int:
        """Bytes in all."""
        return len(self._view)

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """Copy from this offset on; fewer bytes than the buffer takes only at the end."""
        piece = self._view[offset : offset + len(buffer)]
        buffer[: len(piece)] = piece
        return len(piece)
