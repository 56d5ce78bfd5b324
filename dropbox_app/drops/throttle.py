"""Waiting after wrong passwords, counted for each drop over all workers and hosts.

After ten wrong answers on one drop within ten minutes, every try on it waits, right or wrong: 30 seconds, doubling
with each further wrong answer up to ten minutes. Tries made while waiting count for nothing.
"""

import hashlib
import hmac
import math
import time

from limits.storage import Storage

from dropbox_app.errors import Throttled
from dropbox_app.model import FileId

FREE_TRIES = 10
WINDOW = 600
FIRST_WAIT = 30
LONGEST_WAIT = 600
_MEMORY = 3600
"""Seconds after which a drop's earlier waits are forgotten; until then, every further wrong answer waits."""


class Throttle:
    """Counts wrong answers under keyed hashes of file IDs.

    Args:
        counters: Where it counts.
        key: 32 secret bytes, the same on all hosts.
    """

    def __init__(self, counters: Storage, key: bytes) -> None:
        self._counters = counters
        self._key = key

    def _names(self, file_id: FileId) -> tuple[str, str, str]:
        digest = hmac.digest(self._key, file_id.encode(), hashlib.sha256)[:16].hex()
        return f"wrong/{digest}", f"waits/{digest}", f"wait/{digest}"

    def check(self, file_id: FileId) -> None:
        """Let a try pass, or not.

        Raises:
            Throttled: the drop is waiting.
        """
        _, _, wait = self._names(file_id)
        left = self._counters.get_expiry(wait) - time.time()
        if self._counters.get(wait) and left > 0:
            raise Throttled(math.ceil(left))

    def wrong(self, file_id: FileId) -> None:
        """Count a wrong answer, which is about to be told.

        Raises:
            Throttled: the wait has begun since `check`, by the wrong answers of others: this one is not told.
        """
        self.check(file_id)
        wrong, waits, wait = self._names(file_id)
        earlier = self._counters.get(waits)
        if self._among_the_first(wrong) and not earlier:
            return
        seconds = min(FIRST_WAIT * 2**earlier, LONGEST_WAIT)
        # Of all who come here at once, the one that begins the wait is told, and nobody else.
        if self._counters.incr(wait, seconds) > 1:
            raise Throttled(seconds)
        self._counters.incr(waits, _MEMORY)

    def _among_the_first(self, wrong: str) -> bool:
        """Take one of nine places, each of which is free again ten minutes later: the tenth begins the wait.

        One counter for all would forget nine answers at once, and let eighteen pass within seconds.
        """
        return any(self._counters.incr(f"{wrong}/{place}", WINDOW) == 1 for place in range(FREE_TRIES - 1))
