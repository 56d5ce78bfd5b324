"""Opening a whole body in memory."""

from dropbox_app.container.body.key import BodyKey
from dropbox_app.container.body.layout import BODY_PREFIX, opened_length


def open_body(file_key: bytes, context: bytes, untrusted: bytes) -> bytes:
    """Open a body: all of it, or nothing.

    Args:
        file_key: 32 bytes.
        context: What the body is bound to; may be empty.
        untrusted: The whole body, with its prefix.

    Raises:
        DamagedContainer: it is not, byte by byte, a body that was sealed so.
        ValueError: the file key has not 32 bytes.
    """
    opened_length(len(untrusted) - BODY_PREFIX)
    key = BodyKey.open(file_key, context, untrusted[:BODY_PREFIX])
    sealed = memoryview(bytearray(untrusted[BODY_PREFIX:]))
    return bytes(sealed[: key.open_in_place(0, sealed, last=True)])
