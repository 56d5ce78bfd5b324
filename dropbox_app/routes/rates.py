"""How often one client may do what costs the service something.

A client's address is used as a keyed hash in memory and nowhere else; IPv6 addresses count by their /64, which is
what one household has.
"""

import hashlib
import hmac
import ipaddress
import math
import re
import time

from flask import Request
from limits import RateLimitItem, parse_many
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter

from dropbox_app.errors import Throttled

_PREFIX = 64
# Some proxies forward an address with its port: 192.0.2.1:443, [2001:db8::1]:443.
_WITH_PORT = re.compile(r"([0-9.]+):[0-9]+|\[([0-9A-Fa-f:.]+)\](?::[0-9]+)?")


def client_key(key: bytes, address: str | None) -> str:
    """A keyed hash of a client's address."""
    try:
        with_port = _WITH_PORT.fullmatch(address or "")
        parsed = ipaddress.ip_address((with_port[1] or with_port[2]) if with_port else address or "")
        if isinstance(parsed, ipaddress.IPv6Address):
            mapped = parsed.ipv4_mapped
            network = ipaddress.ip_network((int(parsed) >> _PREFIX << _PREFIX, _PREFIX))
            name = str(mapped or network)
        else:
            name = str(parsed)
    except ValueError:
        # A Unix socket has no address: all its clients count as one.
        name = ""
    return hmac.digest(key, name.encode(), hashlib.sha256)[:16].hex()


class Rates:
    """Counts requests by client.

    Args:
        counters: Where it counts.
        key: 32 secret bytes.
        claims: The limit of tries at fetching, in the notation of `limits`; None for no limit.
        uploads: The limit of uploads.
    """

    def __init__(self, counters: Storage, key: bytes, claims: str | None, uploads: str | None) -> None:
        self._limiter = FixedWindowRateLimiter(counters)
        self._key = key
        self._claims = parse_many(claims) if claims else []
        self._uploads = parse_many(uploads) if uploads else []

    def count_claim(self, request: Request) -> None:
        """Count a try at fetching, or at an owner token.

        Raises:
            Throttled: it is one too many.
        """
        self._count("claim", self._claims, request)

    def count_upload(self, request: Request) -> None:
        """Count an upload.

        Raises:
            Throttled: it is one too many.
        """
        self._count("upload", self._uploads, request)

    def _count(self, what: str, limits: list[RateLimitItem], request: Request) -> None:
        if not limits:
            return
        client = client_key(self._key, request.remote_addr)
        for limit in limits:
            if not self._limiter.hit(limit, what, client):
                ends = self._limiter.get_window_stats(limit, what, client).reset_time
                raise Throttled(max(1, math.ceil(ends - time.time())))
