"""Opening a container that lies in a source with random access."""

from dropbox_app.container.body import SEALED_CHUNK, BodyFile
from dropbox_app.container.header import HEADER_SIZE, Header
from dropbox_app.container.keys import DropKeys, open_header
from dropbox_app.container.padding import plaintext_length
from dropbox_app.container.ranges import RangeSource
from dropbox_app.container.sealing.trailer import LENGTH_SIZE, decode_metadata, metadata_size
from dropbox_app.errors import DamagedContainer

_PIECE = 64 * SEALED_CHUNK
_ZEROS = bytes(_PIECE)


def read_header(source: RangeSource) -> Header:
    """Check the size of a container, and read its header. Nothing is hashed for it.

    Raises:
        DamagedContainer: no container has this size, or this is no header.
    """
    plaintext_length(source.size)
    header = bytearray(HEADER_SIZE)
    if source.read_into(0, memoryview(header)) != HEADER_SIZE:
        raise DamagedContainer("the container is shorter than its size")
    return Header.parse(bytes(header))


class OpenContainer:
    """A container whose size, header, passwords, last chunk and metadata have been verified, in this order.

    Every other chunk is verified when it is asked for; the padding by `verify_padding`. Made by `open` or
    `open_with_file_key`.
    """

    def __init__(self, header: Header, body: BodyFile) -> None:
        self.header = header
        self._body = body
        end = body.size - LENGTH_SIZE
        size = metadata_size(body.read(end, LENGTH_SIZE), body.size)
        self._padding_end = end - size
        self.metadata = decode_metadata(body.read(self._padding_end, size), body.size)
        """Files and note."""
        self.contents_size = self.metadata.contents_size
        """Bytes of all files together; they are the beginning of the plaintext."""
        self._ranges: list[tuple[int, int]] = []
        start = 0
        for entry in self.metadata.files:
            self._ranges.append((start, start + entry.size))
            start += entry.size

    @classmethod
    def open(cls, source: RangeSource, keys: DropKeys) -> "OpenContainer":
        """Open a container with what its two passwords lead to.

        Raises:
            WrongPasswords: they are not its own.
            DamagedContainer: it is not what was sealed.
        """
        header = read_header(source)
        return cls(header, BodyFile(open_header(header, keys), header.context, source, HEADER_SIZE))

    @classmethod
    def open_with_file_key(cls, source: RangeSource, file_key: bytes) -> "OpenContainer":
        """Open a container whose file key (32 bytes) is known.

        Raises:
            DamagedContainer: it is not what was sealed under this key.
        """
        header = read_header(source)
        return cls(header, BodyFile(file_key, header.context, source, HEADER_SIZE))

    def file_range(self, index: int) -> tuple[int, int]:
        """Where in the plaintext the contents of this file begin and end."""
        return self._ranges[index]

    def open_pieces_into(self, chunk_index: int, buffer: memoryview) -> int:
        """Read and open as many consecutive chunks as the buffer takes, within the buffer.

        What lies behind `contents_size` is padding and metadata, and not for the person who opens.

        Args:
            chunk_index: The chunk to begin with: plaintext offset // 16384.
            buffer: Writable, the caller's own, with room for at least one sealed chunk (16,400 bytes).

        Returns:
            How many bytes of plaintext now lie at its front; 0 at the end.

        Raises:
            DamagedContainer: a chunk is not what was sealed.
            ValueError: the buffer is too small for a chunk.
        """
        return self._body.open_pieces_into(chunk_index, buffer)

    def read(self, offset: int, length: int) -> bytes:
        """Read a part of the contents, all of it in memory.

        Returns:
            ``length`` bytes, fewer only if the end of the contents comes first.

        Raises:
            DamagedContainer: a chunk that it lies in is not what was sealed.
        """
        return self._body.read(offset, min(length, max(0, self.contents_size - offset)))

    def verify_padding(self) -> None:
        """Open all that lies between contents and metadata, for whoever reads the whole.

        Raises:
            DamagedContainer: it is not what was sealed, or not all zeros.
        """
        for start in range(self.contents_size, self._padding_end, _PIECE):
            piece = self._body.read(start, min(_PIECE, self._padding_end - start))
            if piece != _ZEROS[: len(piece)]:
                raise DamagedContainer("the padding is not zero")
