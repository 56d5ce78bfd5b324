"""Whether there is room for what wants to come in."""

from dropbox_app.drops.stores import Capacity
from dropbox_app.errors import StoreFull


class Room:
    """What uploads must leave free.

    Args:
        capacity: What the blob store's disk can tell; None if it has none of its own, and room for everything.
        min_free: Bytes that stay free on it.
        quota: Bytes that all blobs together may take; None for no such limit.
    """

    def __init__(self, capacity: Capacity | None, *, min_free: int = 0, quota: int | None = None) -> None:
        self._capacity = capacity
        self._min_free = min_free
        self._quota = quota

    def check(self, size: int) -> None:
        """Whether so many more bytes may come.

        Raises:
            StoreFull: they may not.
        """
        if self._capacity is None:
            return
        if self._capacity.free() - size < self._min_free:
            raise StoreFull("the disk is as full as it may be")
        if self._quota is not None and self._capacity.used() + size > self._quota:
            raise StoreFull("the quota is used up")
