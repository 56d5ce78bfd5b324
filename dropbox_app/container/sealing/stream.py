"""Opening a container that arrives piece by piece, once, from its beginning."""

from collections.abc import Iterator

from dropbox_app.container.body import BodyStreamReader
from dropbox_app.container.header import HEADER_SIZE, Header
from dropbox_app.container.keys import DropKeys, open_header
from dropbox_app.container.metadata import Metadata
from dropbox_app.container.padding import is_container_length
from dropbox_app.container.sealing.trailer import LENGTH_SIZE, MAX_TRAILER_SIZE, decode_metadata, metadata_size
from dropbox_app.errors import DamagedContainer, TwinlockError

_ZERO_PIECE = 2**20


class ContainerStreamReader:
    """Gives contents as soon as it is sure that they are contents.

    Where they end stands at the very end, behind padding that can be long. So what could still be metadata (the last
    1 MiB and 4 bytes) is held back, and a run of zeros before it is only counted: padding never comes out. What
    comes out is what was sealed, in order, but whether it is all, and where one file ends and the next begins, is
    known only once `finish` has returned. Use it for what can be thrown away until then. After an error it raises
    that error for ever.

    Args:
        keys: What the passwords lead to with the salt of this container's header.
    """

    metadata: Metadata
    """Files and note, once `finish` has returned."""

    def __init__(self, keys: DropKeys) -> None:
        self._keys = keys
        self._start = bytearray()
        self._body: BodyStreamReader | None = None
        self._size = 0
        self._given = 0
        self._zeros = 0
        self._held = bytearray()
        self._error: TwinlockError | None = None

    def feed(self, untrusted: bytes) -> Iterator[bytes]:
        """Take the next bytes of the container, split anyhow.

        Returns:
            Pieces of contents. The bytes are taken whether or not somebody asks for the pieces.

        Raises:
            WrongPasswords: at once, as soon as the header is there.
            DamagedContainer: at once, when these bytes are not what was sealed.
            RuntimeError: the container is finished.
        """
        if self._error is not None:
            raise self._error
        self._size += len(untrusted)
        try:
            return self._release(self._plaintext(untrusted))
        except TwinlockError as error:
            self._error = error
            raise

    def finish(self) -> Iterator[bytes]:
        """Say that no more bytes come. From here on, `metadata` is there.

        Returns:
            The last pieces of contents.

        Raises:
            DamagedContainer: at once, when the container is cut, has bytes too many, or breaks a rule.
            RuntimeError: the container is finished already.
        """
        if self._error is not None:
            raise self._error
        try:
            return self._last_contents()
        except TwinlockError as error:
            self._error = error
            raise

    def _plaintext(self, untrusted: bytes) -> bytes:
        if self._body is not None:
            return self._body.feed(untrusted)
        self._start += untrusted
        if len(self._start) < HEADER_SIZE:
            return b""
        header = Header.parse(bytes(self._start[:HEADER_SIZE]))
        self._body = BodyStreamReader(open_header(header, self._keys), header.context)
        return self._body.feed(bytes(self._start[HEADER_SIZE:]))

    def _release(self, plaintext: bytes) -> Iterator[bytes]:
        self._held += plaintext
        surplus = len(self._held) - MAX_TRAILER_SIZE
        if surplus <= 0:
            return iter(())
        # Behind a byte that is not zero, and that cannot be metadata any more, there can only be contents.
        contents = bytes(self._held[:surplus])
        del self._held[:surplus]
        kept = contents.rstrip(b"\0")
        if not kept:
            self._zeros += surplus
            return iter(())
        zeros, self._zeros = self._zeros, surplus - len(kept)
        self._given += zeros + len(kept)
        return _pieces(zeros, kept)

    def _last_contents(self) -> Iterator[bytes]:
        if self._body is None or not is_container_length(self._size):
            raise DamagedContainer("no container has this length")
        self._held += self._body.finish()
        size = self._given + self._zeros + len(self._held)
        metadata_length = metadata_size(bytes(self._held[-LENGTH_SIZE:]), size)
        padding_end = len(self._held) - LENGTH_SIZE - metadata_length
        metadata = decode_metadata(bytes(self._held[padding_end:-LENGTH_SIZE]), size)
        left = metadata.contents_size - self._given
        zeros = min(self._zeros, left)
        rest = bytes(self._held[: max(0, left - self._zeros)])
        if left < 0 or any(self._held[len(rest) : padding_end]):
            raise DamagedContainer("the padding is not zero")
        self.metadata = metadata
        return _pieces(zeros, rest)


def _pieces(zeros: int, contents: bytes) -> Iterator[bytes]:
    while zeros > 0:
        yield bytes(min(zeros, _ZERO_PIECE))
        zeros -= min(zeros, _ZERO_PIECE)
    if contents:
        yield contents
