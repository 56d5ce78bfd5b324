"""What the service signs: owner tokens and grants. Both are checked without anything being stored in clear."""

import base64
import hashlib
import hmac
from dataclasses import dataclass

from itsdangerous import BadSignature, Signer

from dropbox_app.errors import TwinlockError
from dropbox_app.model import FileId, OwnerToken

SLOWEST = 64 * 1024
"""Bytes a second that a grant's time is reckoned with: Tor is slow."""
SHORTEST_GRANT = 3600
_OWNER_LABEL = b"twinlock v1 owner"
_GRANT_LABEL = b"twinlock v1 grant"


class BadGrant(TwinlockError):
    """A grant that is altered, of another service, or over."""


@dataclass(frozen=True)
class Grant:
    """The right to fetch one drop, and to resume fetching it, for a while.

    Attributes:
        file_id: Of which drop.
        ends: The second (since 1970) from which on it is worth nothing.
    """

    file_id: FileId
    ends: int


def grant_seconds(size: int) -> int:
    """How long a grant lasts: an hour, or as long as ``size`` bytes take at 64 KiB/s, if that is more."""
    return max(SHORTEST_GRANT, -(-size // SLOWEST))


class Tokens:
    """Makes and reads tokens.

    Args:
        secret: ``SECRET_KEY``.
        old_secret: ``SECRET_KEY_OLD``, whose grants are still believed.
    """

    def __init__(self, secret: str, old_secret: str | None) -> None:
        self._secret = secret.encode()
        keys = [old_secret, secret] if old_secret else [secret]
        self._signer = Signer(keys, salt=_GRANT_LABEL, key_derivation="hmac", digest_method=hashlib.sha256)

    def owner_token(self, file_id: FileId) -> OwnerToken:
        """HMAC-SHA-256 of the ID, so that it can be given again after a lost answer; base64url, 43 characters."""
        digest = hmac.digest(self._secret, _OWNER_LABEL + file_id.encode(), hashlib.sha256)
        return OwnerToken(base64.urlsafe_b64encode(digest).rstrip(b"=").decode())

    def counter_key(self) -> bytes:
        """32 bytes under which counters hide addresses and file IDs."""
        return hmac.digest(self._secret, b"twinlock v1 counters", hashlib.sha256)

    def seal_grant(self, grant: Grant) -> str:
        """Sign a grant: URL-safe ASCII."""
        return self._signer.sign(f"{grant.file_id}.{grant.ends}").decode()

    def open_grant(self, untrusted: str, now: float) -> Grant:
        """Read a grant.

        Raises:
            BadGrant: it is altered, signed by nobody we know, or over.
        """
        try:
            file_id, _, ends = self._signer.unsign(untrusted).decode().partition(".")
        except (BadSignature, UnicodeError):
            raise BadGrant from None
        if now >= int(ends):
            raise BadGrant
        return Grant(FileId(file_id), int(ends))
