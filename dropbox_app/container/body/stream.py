"""Opening a body that arrives piece by piece."""

from dropbox_app.container.body.key import BodyKey
from dropbox_app.container.body.layout import BODY_PREFIX, CHUNK, SEALED_CHUNK
from dropbox_app.errors import DamagedContainer


class BodyStreamReader:
    """Gives each chunk as soon as it is verified.

    What it gave is what was sealed, from the beginning and in order, but whether it is all of it is known only once
    `finish` has returned. After an error it raises that error for ever.

    Args:
        file_key: 32 bytes.
        context: What the body is bound to; may be empty.

    Raises:
        ValueError: the file key has not 32 bytes.
    """

    def __init__(self, file_key: bytes, context: bytes) -> None:
        if len(file_key) != 32:
            raise ValueError("a file key has 32 bytes")
        self._file_key = file_key
        self._context = context
        self._key: BodyKey | None = None
        self._held = bytearray()
        self._index = 0
        self._error: DamagedContainer | None = None
        self._finished = False

    def feed(self, untrusted: bytes) -> bytes:
        """Take the next bytes of the body, split anyhow.

        Returns:
            The plaintext that is verified by now, if any.

        Raises:
            DamagedContainer: it is not what was sealed.
            RuntimeError: the body is finished.
        """
        self._check_state()
        self._held += untrusted
        try:
            return self._open_full_chunks()
        except DamagedContainer as error:
            self._error = error
            raise

    def finish(self) -> bytes:
        """Say that no more bytes come.

        Returns:
            The rest of the plaintext.

        Raises:
            DamagedContainer: the body is cut, or its last chunk is not what was sealed.
            RuntimeError: the body is finished already.
        """
        self._check_state()
        try:
            plaintext = self._open_last_chunk()
        except DamagedContainer as error:
            self._error = error
            raise
        self._finished = True
        return plaintext

    def _check_state(self) -> None:
        if self._error is not None:
            raise self._error
        if self._finished:
            raise RuntimeError("this body is finished")

    def _open_full_chunks(self) -> bytes:
        if self._key is None:
            if len(self._held) < BODY_PREFIX:
                return b""
            self._key = BodyKey.open(self._file_key, self._context, bytes(self._held[:BODY_PREFIX]))
            del self._held[:BODY_PREFIX]
        full = len(self._held) // SEALED_CHUNK
        if not full:
            return b""
        with memoryview(self._held) as held:
            count = self._key.open_in_place(self._index, held[: full * SEALED_CHUNK], last=False)
            plaintext = bytes(held[:count])
        del self._held[: full * SEALED_CHUNK]
        self._index += count // CHUNK
        return plaintext

    def _open_last_chunk(self) -> bytes:
        if self._key is None:
            raise DamagedContainer("the body is cut short")
        with memoryview(self._held) as held:
            return bytes(held[: self._key.open_in_place(self._index, held, last=True)])
