"""What an operator should know before users find out. Each finding says what, why it matters, and how to mend it."""

import os
from dataclasses import dataclass
from pathlib import Path

from dropbox_app.config import Settings
from dropbox_app.drops.service import Drops
from dropbox_app.drops.stores import BlobStore
from dropbox_app.errors import StoreFull, TwinlockError
from dropbox_app.model import BlobName

_OTHERS = 0o077
_SHORTEST_SECRET = 32


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: What is, in a sentence.
        fine: Whether it may stay so.
        why: Why it matters.
        mend: What to do.
    """

    what: str
    fine: bool
    why: str = ""
    mend: str = ""


def examine(settings: Settings, drops: Drops, blobs: BlobStore) -> list[Finding]:
    """Look at everything."""
    return [
        _stores(drops),
        _round_trip(blobs),
        _room(drops),
        _modes(settings.data_dir),
        _secret(settings),
        _address(settings),
        _proxy(settings),
        _contact(settings),
    ]


def _stores(drops: Drops) -> Finding:
    try:
        drops.check()
    except TwinlockError as error:
        return Finding(
            f"a store does not answer: {error}",
            False,
            "nothing can be left or fetched",
            "see that the disk is there and writable",
        )
    return Finding("blob store and registry answer", True)


def _round_trip(blobs: BlobStore) -> Finding:
    """Write, commit, read back and delete a blob, under a name whose hour is long over."""
    name = BlobName("10000-doctor")
    content = os.urandom(4272)
    back = bytearray(len(content))
    try:
        blobs.delete(name)
        writer = blobs.begin(name, resumable=False)
        try:
            writer.append(content)
            writer.commit()
        finally:
            writer.close()
        reader = blobs.open(name)
        if reader is not None:
            reader.read_into(0, memoryview(back))
            reader.close()
        blobs.delete(name)
    except TwinlockError as error:
        return Finding(
            f"a blob cannot be written: {error}", False, "uploads fail", "see that the disk has room and is writable"
        )
    if bytes(back) != content:
        return Finding("a blob came back changed", False, "drops are being damaged", "check the disk and the memory")
    return Finding("a blob was written, read back unchanged, and deleted", True)


def _room(drops: Drops) -> Finding:
    try:
        drops.room.check(0)
    except StoreFull as error:
        return Finding(
            f"no room: {error}", False, "uploads are refused", "make room, or change DROP_MIN_FREE or DROP_QUOTA"
        )
    except TwinlockError as error:
        return Finding(f"room is unknown: {error}", False, "uploads may fail", "see that the disk is there")
    return Finding("there is room for uploads", True)


def _modes(data_dir: Path) -> Finding:
    open_to_others = [
        path for path in (data_dir, *data_dir.rglob("*")) if path.exists() and path.lstat().st_mode & _OTHERS
    ]
    if open_to_others:
        return Finding(
            f"{len(open_to_others)} files or folders of the data folder are open to other users",
            False,
            "they can copy sealed containers and hashes, or the secret",
            f"chmod -R go= {data_dir}",
        )
    return Finding("the data folder is this user's alone", True)


def _secret(settings: Settings) -> Finding:
    if settings.secret_key is None:
        return Finding("SECRET_KEY is made by the service and kept in the data folder", True)
    if len(settings.secret_key) < _SHORTEST_SECRET:
        return Finding(
            "SECRET_KEY is short",
            False,
            "who guesses it can make owner tokens and delete drops",
            "set it to what python3 -c 'import secrets; print(secrets.token_urlsafe(48))' prints",
        )
    return Finding("SECRET_KEY is set", True)


def _address(settings: Settings) -> Finding:
    if settings.public_url is None:
        return Finding("PUBLIC_URL is not set: links begin with localhost, an address, or a trusted host", True)
    if settings.public_url.startswith("http://") and not settings.public_url.endswith(".onion"):
        return Finding(
            "PUBLIC_URL is not https",
            False,
            "files and passwords of the plain way can be read on their way",
            "put TLS in front, and set PUBLIC_URL to the https address",
        )
    return Finding(f"links begin with {settings.public_url}", True)


def _proxy(settings: Settings) -> Finding:
    if settings.env == "production" and settings.trusted_proxy_hops == 0:
        return Finding(
            "TRUSTED_PROXY_HOPS is 0",
            False,
            "behind a proxy, all clients count as one, and are throttled together",
            "set it to the number of proxies in front that add to X-Forwarded-For; ignore this if there is none",
        )
    return Finding(f"{settings.trusted_proxy_hops} proxy hops are believed", True)


def _contact(settings: Settings) -> Finding:
    if settings.env == "production" and settings.report_contact is None:
        return Finding(
            "DROP_REPORT_CONTACT is not set",
            False,
            "people who find something harmful cannot report it, and services like this are closed for that",
            "set it to a mail or web address that somebody reads",
        )
    return Finding("a way to report abuse is " + ("shown" if settings.report_contact else "not needed here"), True)
