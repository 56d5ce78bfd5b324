"""Sealing and opening a whole container in memory."""

from collections.abc import Callable, Iterable

from dropbox_app.container.body import BODY_SALT_SIZE
from dropbox_app.container.header import SALT_SIZE
from dropbox_app.container.keys import FILE_KEY_SIZE, check_pair, new_header, stretch
from dropbox_app.container.metadata import Metadata
from dropbox_app.container.ranges import BytesSource
from dropbox_app.container.sealing.reader import OpenContainer, read_header
from dropbox_app.container.sealing.writer import Sealer


def seal_container(  # noqa: PLR0917 - the names of the parameters are those of the specification
    files: Iterable[tuple[str, str | None, bytes]],
    note: str | None,
    first: str,
    second: str,
    salt: bytes | None,
    random: Callable[[int], bytes],
) -> bytes:
    """Seal files and a note.

    Args:
        files: Name, media type if known, and contents of each.
        note: A note, or none.
        first: A password.
        second: Another one.
        salt: 16 bytes, `keys.service_salt` for a drop in the service; without a service none, and it is drawn.
        random: Gives so many random bytes: the salt if there is none, the file key, the body's salt, in this order.

    Raises:
        Refused: a password, the note or the files are none.
    """
    first, second = check_pair(first, second)
    if salt is None:
        salt = random(SALT_SIZE)
    file_key, body_salt = random(FILE_KEY_SIZE), random(BODY_SALT_SIZE)
    sealer = Sealer(new_header(stretch(first, second, salt), salt, file_key), file_key, body_salt)
    container = bytearray(sealer.begin())
    for name, media_type, contents in files:
        sealer.begin_file(name, media_type)
        container += sealer.write(contents)
    for piece in sealer.finish(note):
        container += piece
    return bytes(container)


def open_container(untrusted: bytes, first: str, second: str) -> tuple[Metadata, list[bytes]]:
    """Open a container: all of it, or nothing.

    Returns:
        The metadata, and the contents of each file.

    Raises:
        Refused: one of the two is no password.
        WrongPasswords: they are not the container's.
        DamagedContainer: it is not, byte by byte, what was sealed.
    """
    source = BytesSource(untrusted)
    container = OpenContainer.open(source, stretch(first, second, read_header(source).salt))
    container.verify_padding()
    ranges = (container.file_range(index) for index in range(len(container.metadata.files)))
    return container.metadata, [container.read(start, end - start) for start, end in ranges]
