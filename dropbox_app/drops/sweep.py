"""Sweeping: what has expired, was used up or was never finished goes, and nothing goes on doubt."""

from dataclasses import dataclass
from itertools import groupby

from dropbox_app.drops.file_ids import blob_name
from dropbox_app.drops.stores import BlobStore, Registry
from dropbox_app.model import BlobName, Hour, expiry_hour, hour_of

UNFINISHED_FOR = 24 * 3600
"""Seconds an interrupted upload may wait to be resumed."""


@dataclass(frozen=True)
class Swept:
    """How much went.

    Attributes:
        records: Records that had expired.
        blobs: Blobs that had expired.
        used_up: Drops without a ticket whose last grant had run out.
        unfinished: Uploads that nobody goes on with.
    """

    records: int
    blobs: int
    used_up: int
    unfinished: int


def sweep(blobs: BlobStore, registry: Registry, now: float) -> Swept:
    """Delete everything that is due; its cost grows with that, not with what is alive.

    Args:
        blobs: The blob store.
        registry: The registry.
        now: Seconds since 1970.

    Raises:
        StoreUnavailable: a store did not answer. What was not looked at stays for the next time.
    """
    after = Hour(hour_of(now) + 1)
    records = registry.remove_expiring_before(after)
    expired = list(blobs.expiring_before(after))
    for name in expired:
        blobs.delete(name)
    used_up = _remove_used_up(blobs, registry, list(blobs.due_before(after)))
    blobs.clear_due_before(after)
    return Swept(records, len(expired), used_up, blobs.drop_unfinished(now - UNFINISHED_FOR))


def _remove_used_up(blobs: BlobStore, registry: Registry, names: list[BlobName]) -> int:
    """Remove the drops of these blobs, unless one has a ticket after all; returns how many went.

    A blob's name cannot be turned back into a file ID, so the IDs of each hour are tried, once, forwards.
    """
    removed = 0
    for hour, of_hour in groupby(sorted(names), expiry_hour):
        ids = {blob_name(file_id): file_id for file_id in registry.expiring_in(hour)}
        for name in of_hour:
            file_id = ids.get(name)
            if file_id is not None and registry.downloads_left(file_id) != 0:
                continue
            blobs.delete(name)
            if file_id is not None:
                registry.remove(file_id)
                removed += 1
    return removed
