"""The plain way: sealing and opening on the server, in memory, in one streaming pass.

The only server code that ever sees plaintext or a password. Nothing of either is written anywhere, and what is in
memory is a few buffers, whatever the size.
"""

import contextlib
import itertools
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

from zipstream import ZIP_STORED, ZipStream

from dropbox_app.container import sealing
from dropbox_app.container.body import CHUNK, SEALED_CHUNK
from dropbox_app.container.keys import check_password, new_header, service_salt, stretch
from dropbox_app.drops.hashing import HashPool
from dropbox_app.drops.service import Drops, Leaving, LeftDrop
from dropbox_app.drops.stores import BlobReader
from dropbox_app.errors import DamagedContainer, TooLarge, WrongPasswords
from dropbox_app.model import FileId, Proof
from dropbox_app.overlap import BEHIND, Conveyor, read_ahead
from dropbox_app.routes.body import PIECE, RequestBody
from dropbox_app.routes.transfers import Transfer, Transfers
from dropbox_app.routes.wishes import Wishes
from keygen import KeyGenerator

_SALT_SIZE = 24
_READ_AHEAD = PIECE // SEALED_CHUNK * SEALED_CHUNK + SEALED_CHUNK
NOTE_NAME = "note.txt"


@dataclass(frozen=True)
class Sealed:
    """A drop that was left the plain way.

    Attributes:
        drop: The drop.
        wishes: What was asked for, passwords included.
        renamed: Names that were changed to be safe, as they are now.
    """

    drop: LeftDrop
    wishes: Wishes
    renamed: tuple[str, ...]


class PlainWay:
    """Seals what comes in and opens what goes out.

    Args:
        drops: The drop rules.
        pool: Where passwords are stretched.
        keys: Makes file keys.
        random_bytes: Gives bytes that nobody can guess.
        max_size: The most bytes that one drop's files may have together.
    """

    def __init__(
        self,
        *,
        drops: Drops,
        pool: HashPool,
        keys: KeyGenerator,
        random_bytes: Callable[[int], bytes],
        max_size: int,
    ) -> None:
        self._drops = drops
        self._pool = pool
        self._keys = keys
        self._random_bytes = random_bytes
        self.max_size = max_size
        self._transfers = Transfers()

    def check_room(self, size: int) -> None:
        """Refuse before the body is read what there is no room for.

        Args:
            size: Bytes that are known to come; 0 if nothing is known.

        Raises:
            StoreFull: there is no room.
        """
        self._drops.room.check(size)

    @contextlib.contextmanager
    def leave(self, wishes: Wishes, size: int) -> Iterator["PlainUpload"]:
        """Begin a drop. Leaving the block without `PlainUpload.seal` leaves nothing behind.

        Args:
            wishes: What is asked for.
            size: Bytes that are known to come; 0 if nothing is known.

        Raises:
            StoreFull: there is no room.
            Busy: too much is being hashed already.
        """
        with (
            contextlib.closing(self._transfers.begin()),
            contextlib.closing(self._drops.begin(wishes.hours, size)) as leaving,
        ):
            salt = service_salt(leaving.file_id)
            keys = self._pool.run(lambda: stretch(wishes.first, wishes.second, salt))
            file_key = self._keys.new_key()
            sealer = sealing.Sealer(new_header(keys, salt, file_key), file_key, self._random_bytes(_SALT_SIZE))
            leaving.append(sealer.begin())
            upload = PlainUpload(wishes, leaving, sealer, Proof(keys.proof), self.max_size)
            yield upload

    def find(self, file_id: FileId, untrusted_first: str, untrusted_second: str) -> "PlainDownload":
        """Find a drop, check the passwords, open its container and take a ticket, in this order.

        Raises:
            DropNotFound: there is no such drop.
            WrongPasswords: these are not its passwords.
            Throttled: it waits after wrong ones.
            Busy: too much is being hashed already.
            DamagedContainer: what is stored is not what was sealed.
            Refused: a password that no drop can have.
        """
        first = check_password(untrusted_first, "first_password")
        second = check_password(untrusted_second, "second_password")
        found = self._drops.look_up(file_id)
        with contextlib.ExitStack() as stack:
            transfer = stack.enter_context(contextlib.closing(self._transfers.begin()))
            reader = stack.enter_context(contextlib.closing(found.open()))
            salt = _salt_of(reader, file_id)
            keys = self._pool.run(lambda: stretch(first, second, salt))
            found.check_proof(Proof(keys.proof))
            try:
                container = sealing.OpenContainer.open(reader, keys)
            except WrongPasswords as error:
                # The proof was right: it is the header that is not the one that was sealed.
                raise DamagedContainer("the commitment to the passwords is another one") from error
            # What is sent first is verified before a ticket is spent on it.
            container.read(0, PIECE)
            found.take_ticket(reader.size)
            stack.pop_all()
        return PlainDownload(container, reader, transfer)


def _salt_of(reader: BlobReader, file_id: FileId) -> bytes:
    """The salt of a stored container, if it is this drop's: another one is told before anything is hashed."""
    salt = sealing.read_header(reader).salt
    if salt != service_salt(file_id):
        raise DamagedContainer("a stored container belongs to another drop")
    return salt


class PlainUpload:
    """One drop on its way in: files one after another, then `seal`."""

    def __init__(self, wishes: Wishes, leaving: Leaving, sealer: sealing.Sealer, proof: Proof, max_size: int) -> None:
        self._wishes = wishes
        self._leaving = leaving
        self._sealer = sealer
        self._proof = proof
        self._max_size = max_size
        self._taken = 0

    def begin_file(self, untrusted_name: str, untrusted_type: str | None) -> None:
        """What is written from here on belongs to this file."""
        self._sealer.begin_file(untrusted_name, untrusted_type)

    def write(self, data: memoryview | bytes) -> None:
        """Seal a piece of the current file and store it.

        Raises:
            StoreFull: there is no room for it.
        """
        self._leaving.append(self._sealer.write(data))

    def count(self, size: int) -> None:
        """Count bytes that are about to be written.

        Raises:
            TooLarge: the files have more together than one drop may.
        """
        self._taken += size
        if self._taken > self._max_size:
            raise TooLarge(self._max_size)

    def take_body(self, body: RequestBody) -> None:
        """Write the whole body as the current file: one buffer is received while the last one is sealed and stored."""
        size = PIECE if body.length is None else min(PIECE, body.length)
        buffers = itertools.cycle([memoryview(bytearray(size)) for _ in range(BEHIND + 1)])
        with Conveyor() as conveyor:
            for buffer in buffers:
                count = body.read_into(buffer)
                if not count:
                    return
                self.count(count)
                conveyor.put(lambda piece=buffer[:count]: self.write(piece))  # type: ignore[misc]

    def seal(self, note: str | None) -> Sealed:
        """End the container, and make the drop known.

        Raises:
            Refused: there is neither a file nor a note, or the note breaks a rule.
            StoreFull: there is no room.
            StoreUnavailable: a store failed; nothing is left behind.
        """
        for piece in self._sealer.finish(note):
            self._leaving.append(piece)
        drop = self._leaving.seal(self._proof, self._wishes.downloads)
        return Sealed(drop, self._wishes, tuple(name for _, name in self._sealer.renamed))


class PlainDownload:
    """A drop whose passwords were right and whose ticket is taken, on its way out.

    Attributes:
        name: What it is saved as.
        size: Bytes that `pieces` gives.
    """

    def __init__(self, container: sealing.OpenContainer, reader: BlobReader, transfer: Transfer) -> None:
        self._container = container
        self._reader = reader
        self._transfer = transfer
        files, note = container.metadata.files, container.metadata.note
        self._archive: ZipStream | None = None
        if files and (note is not None or len(files) > 1):
            self.name = "drop.zip"
            self._archive = self._zip()
            self.size = len(self._archive)
        elif files:
            self.name, self.size = files[0].name, files[0].size
        else:
            self.name, self.size = NOTE_NAME, len((note or "").encode())

    def pieces(self) -> Iterator[bytes]:
        """What is sent. Only bytes that have been verified come out.

        Raises:
            DamagedContainer: a chunk is not the one that was sealed; nothing of it came out.
        """
        with contextlib.closing(self):
            if self._archive is not None:
                yield from self._archive
            elif self._container.metadata.files:
                with contextlib.closing(self._contents()) as contents:
                    yield from (bytes(piece) for piece in contents)
            else:
                yield (self._container.metadata.note or "").encode()

    def close(self) -> None:
        """Let go of the drop, sent or not."""
        self._reader.close()
        self._transfer.close()

    def _contents(self) -> Generator[memoryview, None, None]:
        """The contents of all files, one after another."""
        left = self._container.contents_size
        chunk = 0

        def fill(buffer: memoryview) -> int:
            nonlocal chunk
            count = self._container.open_pieces_into(chunk, buffer)
            chunk += len(buffer) // SEALED_CHUNK
            return count

        needed = (left // CHUNK + 1) * SEALED_CHUNK
        with contextlib.closing(read_ahead(fill, min(_READ_AHEAD, needed))) as pieces:
            for piece in pieces:
                yield piece[:left]
                left -= min(left, len(piece))
                if not left:
                    return

    def _zip(self) -> ZipStream:
        archive = ZipStream(compress_type=ZIP_STORED, sized=True)
        contents = self._contents()
        rest = memoryview(b"")

        def take(size: int) -> Iterator[bytes]:
            nonlocal rest
            while size:
                if not rest:
                    rest = next(contents)
                piece, rest = rest[:size], rest[size:]
                size -= len(piece)
                yield bytes(piece)

        names = {entry.name.casefold() for entry in self._container.metadata.files}
        for entry in self._container.metadata.files:
            archive.add(take(entry.size), entry.name, size=entry.size)
        if self._container.metadata.note is not None:
            archive.add(self._container.metadata.note.encode(), _free_name(names))
        return archive


def _free_name(taken: set[str]) -> str:
    """A name for the note that none of the files has."""
    stem, _, ending = NOTE_NAME.partition(".")
    candidates = itertools.chain([NOTE_NAME], (f"{stem} ({number}).{ending}" for number in itertools.count(2)))
    return next(name for name in candidates if name not in taken)
