"""How long a drop lives, and how often it may be fetched, as people say it."""

import math
import re

from dropbox_app.errors import Refused
from dropbox_app.model import SECONDS_PER_HOUR, Hour

LIFETIMES = {"1h": 1, "1d": 24, "3d": 72, "7d": 168, "30d": 720}
"""What can be asked for, in hours."""
DEFAULT_LIFETIME = "7d"
MAX_DOWNLOADS = 100


def parse_lifetime(untrusted: str) -> int:
    """Hours of a lifetime; the default for an empty text.

    Raises:
        Refused: it is none of `LIFETIMES`.
    """
    try:
        return LIFETIMES[untrusted or DEFAULT_LIFETIME]
    except KeyError:
        raise Refused("lifetime", f"has to be one of {', '.join(LIFETIMES)}") from None


def parse_downloads(untrusted: str) -> int | None:
    """Number of downloads; None, without a limit, for an empty text.

    Raises:
        Refused: it is no whole number from 1 to 100.
    """
    if not untrusted:
        return None
    if not re.fullmatch(r"[0-9]{1,3}", untrusted, re.ASCII) or not 1 <= int(untrusted) <= MAX_DOWNLOADS:
        raise Refused("downloads", f"has to be a whole number from 1 to {MAX_DOWNLOADS}, or empty for no limit")
    return int(untrusted)


def expiry(now: float, hours: int) -> Hour:
    """The first full hour at or after so many hours from now (seconds since 1970)."""
    return Hour(math.ceil(now / SECONDS_PER_HOUR + hours))
