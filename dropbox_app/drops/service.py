"""The drop rules: leaving, claiming, status, deletion. Knows neither HTTP nor what a container holds."""

import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from dropbox_app.drops.file_ids import blob_name, expires_at, new_file_id
from dropbox_app.drops.hashing import hash_secret, verify_secret
from dropbox_app.drops.lifetimes import expiry
from dropbox_app.drops.room import Room
from dropbox_app.drops.stores import BlobReader, BlobStore, BlobWriter, Bytes, Registry
from dropbox_app.drops.throttle import Throttle
from dropbox_app.drops.tokens import Grant, Tokens, grant_seconds
from dropbox_app.errors import (
    DamagedContainer,
    DropNotFound,
    Refused,
    StoreFull,
    StoreUnavailable,
    WrongOwnerToken,
    WrongPasswords,
)
from dropbox_app.model import FileId, Hour, OwnerToken, Proof, Record, hour_of

_log = logging.getLogger(__name__)
_LOOK_AGAIN = 64 * 2**20
"""Bytes after which an upload looks again whether there is room."""


@dataclass(frozen=True)
class LeftDrop:
    """A drop that is sealed: what its uploader is told.

    Attributes:
        file_id: Where it is.
        owner_token: The right to see its status and to delete it.
        expires: The second (since 1970) from which on it is gone.
        downloads: How many there may be; None without a limit.
    """

    file_id: FileId
    owner_token: OwnerToken
    expires: int
    downloads: int | None


@dataclass(frozen=True)
class Status:
    """What an owner may know.

    Attributes:
        expires: The second (since 1970) from which on the drop is gone.
        downloads_left: How many downloads there may still be; None without a limit.
    """

    expires: int
    downloads_left: int | None


class Leaving:
    """One drop on its way in. Either `seal` or `close` ends it; closing one that is not sealed leaves nothing."""

    def __init__(self, drops: "Drops", file_id: FileId, writer: BlobWriter) -> None:
        self.file_id = file_id
        self._drops = drops
        self._writer = writer
        self._look_at = _LOOK_AGAIN

    def append(self, data: Bytes) -> None:
        """Store further bytes of the container.

        Raises:
            StoreFull: there is no room for more.
        """
        self._writer.append(data)
        if self._writer.offset >= self._look_at:
            self._look_at += _LOOK_AGAIN
            self._drops.room.check(0)
            self._drops.check_time(self.file_id)

    def seal(self, proof: Proof, downloads: int | None) -> LeftDrop:
        """Commit the blob, then write tickets and record: a crash in between leaves an orphan, never a lost drop.

        Raises:
            StoreFull: there is no room, or not as much as has to stay.
            Refused: the drop's time was over before it had come in.
        """
        self._drops.room.check(0)
        self._drops.check_time(self.file_id)
        self._writer.commit()
        self._writer.close()
        return self._drops.register(self.file_id, proof, downloads)

    def close(self) -> None:
        """Let go of what was not sealed."""
        self._writer.close()


class FoundDrop:
    """A drop that is there and has a ticket left, for somebody who may know its passwords."""

    def __init__(self, drops: "Drops", file_id: FileId, record: Record) -> None:
        self.file_id = file_id
        self._drops = drops
        self._record = record

    def open(self) -> BlobReader:
        """Open its container.

        Raises:
            DropNotFound: it was deleted a moment ago.
            DamagedContainer: the record is there and the blob is not.
        """
        reader = self._drops.blobs.open(blob_name(self.file_id))
        if reader is None:
            self._drops.look_up(self.file_id)
            raise DamagedContainer("a drop has lost its blob")
        return reader

    def check_proof(self, proof: Proof) -> None:
        """Compare a proof, and count it if it is wrong.

        Raises:
            WrongPasswords: it is not this drop's.
            Throttled: too many wrong ones came in the meantime; whether this one is right is not told.
        """
        if not verify_secret(self._record.proof, proof):
            self._drops.throttle.wrong(self.file_id)
            raise WrongPasswords
        self._drops.throttle.check(self.file_id)

    def take_ticket(self, size: int) -> Grant:
        """Take a ticket, for a container of so many bytes.

        Raises:
            DropNotFound: the last one has just gone.
        """
        return self._drops.take_ticket(self.file_id, size)


class Drops:
    """All rules about drops.

    Args:
        blobs: Where containers lie.
        registry: Where hashes and tickets lie.
        room: Whether more may come in.
        throttle: Counts wrong proofs.
        tokens: Signs owner tokens and grants.
        random_bytes: Gives bytes that nobody can guess.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        *,
        blobs: BlobStore,
        registry: Registry,
        room: Room,
        throttle: Throttle,
        tokens: Tokens,
        random_bytes: Callable[[int], bytes],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.blobs = blobs
        self.registry = registry
        self.room = room
        self.throttle = throttle
        self._tokens = tokens
        self._random_bytes = random_bytes
        self._clock = clock

    def begin(self, hours: int, size: int) -> Leaving:
        """Begin a drop that goes in at one stretch.

        Args:
            hours: How long it shall live.
            size: Bytes that are known to come; 0 if nothing is known.

        Raises:
            StoreFull: there is no room.
        """
        self.room.check(size)
        file_id = new_file_id(expiry(self._clock(), hours), self._random_bytes)
        return Leaving(self, file_id, self.blobs.begin(blob_name(file_id), resumable=False))

    def check_time(self, file_id: FileId) -> None:
        """Whether a drop on its way in has any time left.

        Raises:
            Refused: it has not.
        """
        if self._clock() >= expires_at(file_id):
            raise Refused("lifetime", "ended before the upload did; ask for a longer one")

    def register(self, file_id: FileId, proof: Proof, downloads: int | None) -> LeftDrop:
        """Write tickets and record of a committed blob; if that cannot be done, the blob goes again."""
        token = self._tokens.owner_token(file_id)
        try:
            self.registry.add(file_id, Record(hash_secret(proof), hash_secret(token)), downloads)
        except (StoreFull, StoreUnavailable):
            self._forget(file_id)
            raise
        return LeftDrop(file_id, token, expires_at(file_id), downloads)

    def look_up(self, file_id: FileId) -> FoundDrop:
        """Find a drop that can be claimed.

        Raises:
            DropNotFound: unknown, expired, used up or deleted.
            Throttled: it waits after wrong passwords.
        """
        record = self._record(file_id)
        if self.registry.downloads_left(file_id) == 0:
            raise DropNotFound
        self.throttle.check(file_id)
        return FoundDrop(self, file_id, record)

    def _record(self, file_id: FileId) -> Record:
        if self._clock() >= expires_at(file_id):
            raise DropNotFound
        record = self.registry.find(file_id)
        if record is None:
            raise DropNotFound
        return record

    def take_ticket(self, file_id: FileId, size: int) -> Grant:
        """Take a ticket; with the last one, note when the drop may go."""
        if not self.registry.take_ticket(file_id):
            raise DropNotFound
        grant = Grant(file_id, int(self._clock()) + grant_seconds(size))
        try:
            if self.registry.downloads_left(file_id) == 0:
                self.blobs.mark_due(blob_name(file_id), Hour(hour_of(grant.ends) + 1))
        except (StoreUnavailable, StoreFull) as error:
            # The ticket is taken; without the mark, the used-up drop goes with its hour, which is late but safe.
            _log.warning("a used-up drop could not be marked (%s)", type(error).__name__)
        return grant

    def _owned(self, file_id: FileId, untrusted_token: str) -> Record:
        record = self._record(file_id)
        if not verify_secret(record.owner, untrusted_token):
            raise WrongOwnerToken
        return record

    def status(self, file_id: FileId, untrusted_token: str) -> Status:
        """What the owner may know.

        Raises:
            DropNotFound: there is no such drop.
            WrongOwnerToken: there is, and this is not its token.
        """
        self._owned(file_id, untrusted_token)
        return Status(expires_at(file_id), self.registry.downloads_left(file_id))

    def delete(self, file_id: FileId, untrusted_token: str) -> None:
        """Delete a drop for its owner.

        Raises:
            DropNotFound: there is no such drop.
            WrongOwnerToken: there is, and this is not its token.
        """
        self._owned(file_id, untrusted_token)
        self.takedown(file_id)

    def takedown(self, file_id: FileId) -> bool:
        """Delete a drop, whoever asks; returns whether there was one.

        Tickets go first, so that nobody can claim it any more; the record goes last, so that whoever was told of
        a failure can try again.
        """
        known = self.registry.find(file_id) is not None
        self.registry.remove_tickets(file_id)
        self.blobs.delete(blob_name(file_id))
        self.registry.remove(file_id)
        return known

    def _forget(self, file_id: FileId) -> None:
        """Remove what could not be registered; what cannot be removed now is marked for the sweep."""
        name = blob_name(file_id)
        try:
            # An insert whose answer was lost may have happened: the record goes first, so that none is left alone.
            # Looking first, which a lock that only stops writers lets through, spares a second wait for it.
            if self.registry.find(file_id) is not None:
                self.registry.remove(file_id)
            self.blobs.delete(name)
        except (StoreFull, StoreUnavailable) as error:
            _log.warning("an unregistered drop could not be removed (%s)", type(error).__name__)
            with contextlib.suppress(StoreFull, StoreUnavailable):
                self.blobs.mark_due(name, Hour(hour_of(self._clock()) + 1))

    def check(self) -> None:
        """Raise `StoreUnavailable` unless both stores answer."""
        self.blobs.check()
        self.registry.check()
