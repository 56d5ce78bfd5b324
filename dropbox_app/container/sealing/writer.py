"""Sealing a container in one pass, without knowing any size in advance."""

from collections.abc import Iterator

from dropbox_app.container.body import BodyKey, BodyWriter
from dropbox_app.container.body.writer import Data
from dropbox_app.container.header import Header
from dropbox_app.container.metadata import (
    MAX_METADATA_SIZE,
    FileEntry,
    Metadata,
    clean_note,
    clean_type,
    entry_size,
    too_many_files,
)
from dropbox_app.container.names import NameCleaner
from dropbox_app.container.padding import padded_length
from dropbox_app.container.sealing.trailer import encode_trailer
from dropbox_app.errors import Refused

_ZEROS = memoryview(bytes(2**20))
"""Padding is sealed in pieces of this one: some 30 MiB of it follow on 1 GiB."""


class Sealer:
    """Seals one container: `begin`, then for each file `begin_file` and `write`, then `finish`.

    The views that it returns lie in one reused buffer and are valid until the next call. Any other order of calls is
    an error in the program, a RuntimeError.

    Args:
        header: The header, with the file key wrapped.
        file_key: The same file key, 32 bytes, drawn for this container alone.
        body_salt: 24 random bytes.
    """

    def __init__(self, header: Header, file_key: bytes, body_salt: bytes) -> None:
        key = BodyKey(file_key, header.context, body_salt)
        self._beginning = header.encode() + key.prefix
        self._body = BodyWriter(key)
        self._begun = False
        self._finished = False
        self._names = NameCleaner()
        self._named: list[tuple[str, str]] = []
        self._sizes: list[int] = []
        self._contents = 0
        self._renamed: list[tuple[int, str]] = []
        self._metadata_size = 0

    @property
    def contents(self) -> int:
        """Bytes of contents so far."""
        return self._contents

    @property
    def renamed(self) -> list[tuple[int, str]]:
        """Index and new name of each file whose name had to be cleaned or numbered."""
        return list(self._renamed)

    def begin(self) -> bytes:
        """The first 160 bytes: header, salt and commitment of the body."""
        if self._begun:
            raise RuntimeError("this container has begun; one file key seals one container")
        self._begun = True
        return self._beginning

    def begin_file(self, untrusted_name: str, untrusted_type: str | None) -> str:
        """Begin the next file.

        Args:
            untrusted_name: Any string.
            untrusted_type: A media type, if one is known; a hint.

        Returns:
            Its name in the drop: cleaned, and unlike all others.

        Raises:
            Refused: the files' names pass 1 MiB.
        """
        self._check_open()
        name, media_type = self._names.add(untrusted_name), clean_type(untrusted_type)
        self._metadata_size += entry_size(name, media_type)
        if self._metadata_size > MAX_METADATA_SIZE:
            raise too_many_files()
        if name != untrusted_name:
            self._renamed.append((len(self._named), name))
        self._named.append((name, media_type))
        self._sizes.append(0)
        return name

    def write(self, data: Data) -> memoryview:
        """Seal further contents of the file that has begun.

        Args:
            data: Any number of bytes; the buffer grows to the largest.

        Returns:
            Sealed bytes, maybe none, valid until the next call.
        """
        self._check_open()
        if not self._named:
            raise RuntimeError("no file has begun")
        view = memoryview(data).cast("B")
        self._sizes[-1] += len(view)
        self._contents += len(view)
        return self._body.update(view)

    def finish(self, note: str | None) -> Iterator[memoryview]:
        """End the container: padding, metadata, last chunk.

        Args:
            note: A note, or none; cleaned here.

        Returns:
            The rest of the sealed bytes in pieces of about 1 MiB, each valid until the next one is asked for.

        Raises:
            Refused: at once: the note is none (`note`), or there is neither a file nor a note, or there are too many
                files (`file`).
        """
        self._check_open()
        cleaned = clean_note(note)
        if not self._named and cleaned is None:
            raise Refused("file", "a drop has at least one file or a note")
        files = (FileEntry(name, size, kind) for (name, kind), size in zip(self._named, self._sizes, strict=True))
        trailer = encode_trailer(Metadata(tuple(files), cleaned))
        self._finished = True
        needed = self.contents + len(trailer)
        return self._end(padded_length(needed) - needed, trailer)

    def _end(self, zeros: int, trailer: bytes) -> Iterator[memoryview]:
        while zeros:
            piece = _ZEROS[:zeros]
            zeros -= len(piece)
            yield self._body.update(piece)
        yield self._body.finish(trailer)

    def _check_open(self) -> None:
        if not self._begun or self._finished:
            raise RuntimeError("this container has not begun, or is finished")
