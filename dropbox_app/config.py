"""Settings: one frozen object, parsed once from the environment. Nothing else reads the environment."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from limits import parse_many

from dropbox_app.errors import TwinlockError

KIB, MIB, GIB, TIB = 2**10, 2**20, 2**30, 2**40
_UNITS = {"": 1, "B": 1, "KiB": KIB, "MiB": MIB, "GiB": GIB, "TiB": TIB,
          "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}  # fmt: skip
_NOT_IN_THIS_VERSION = (
    "MONGODB_URI",
    "AZURE_STORAGE_CONNECTION_STRING",
    "AZURE_STORAGE_ACCOUNT_URL",
    "AZURE_STORAGE_CONTAINER",
    "RATELIMIT_STORAGE_URI",
)


class SettingsError(TwinlockError):
    """A setting that cannot be understood, or one that is missing where it must not be."""


def _size(text: str) -> int:
    match = re.fullmatch(r"([0-9]{1,15}) ?([A-Za-z]*)", text)
    if not match or match[2] not in _UNITS:
        raise ValueError("a number of bytes, or one with a unit such as 500 MiB or 5 GiB")
    return int(match[1]) * _UNITS[match[2]]


def _optional_size(text: str) -> int | None:
    return None if text == "none" else _size(text)


def _switch(text: str) -> bool:
    if text not in ("on", "off"):
        raise ValueError("on or off")
    return text == "on"


def _rate(text: str) -> str | None:
    if text == "off":
        return None
    parse_many(text)
    return text


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,6}", text) or not low <= int(text) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return parse


def _host_name(text: str) -> str:
    """The name or address of a ``host[:port]``; empty for anything else (RFC 3986, 3.2.2, without user names)."""
    match = re.fullmatch(r"(?:([A-Za-z0-9.-]+)|\[([0-9A-Fa-f:.]+)\])(?::([1-9][0-9]{0,4}))?", text)
    if not match or int(match[3] or 0) > 65535:
        return ""
    return (match[1] or match[2]).lower().rstrip(".")


def _url(text: str) -> str:
    parts = urlsplit(text)
    # The text itself becomes a part of every link, so nothing may be in it but what was looked at.
    if parts.scheme not in ("http", "https") or not _host_name(parts.netloc) or set(text) & set("?#\\ "):
        raise ValueError("an http or https address without a query, such as https://drop.example.org")
    return text.rstrip("/")


def _hosts(text: str) -> tuple[str, ...]:
    return tuple(host.strip().lower() for host in text.split(",") if host.strip())


def _environment(text: str) -> str:
    if text not in ("development", "production"):
        raise ValueError("development or production")
    return text


def _path(text: str) -> Path:
    return Path(text).absolute()


def _text(text: str) -> str:
    if not text.isprintable():
        raise ValueError("text in UTF-8")
    return text


def setting(name: str, parse: Callable[[str], Any], default: str | None, meaning: str) -> Any:
    """One field of `Settings`.

    Args:
        name: Its name in the environment.
        parse: Turns its text into a value, or raises `ValueError` with what it should have been.
        default: The text that stands for a missing or empty one; None for no value at all.
        meaning: One sentence, which the documented table repeats.
    """
    return field(metadata={"name": name, "parse": parse, "default": default, "meaning": meaning})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything an operator can choose. Sizes are bytes."""

    secret_key: str | None = setting(
        "SECRET_KEY",
        _text,
        None,
        "Signs grants, owner tokens and counters' keys; made and kept in the data folder if unset.",
    )
    secret_key_old: str | None = setting(
        "SECRET_KEY_OLD", _text, None, "The secret before the present one: what it signed is still believed."
    )
    public_url: str | None = setting(
        "PUBLIC_URL", _url, None, "What links begin with; without it the request's host, if trusted."
    )
    trusted_hosts: tuple[str, ...] = setting(
        "TRUSTED_HOSTS",
        _hosts,
        "",
        "Host names the service answers to without PUBLIC_URL, besides localhost and addresses.",
    )
    data_dir: Path = setting("DROP_DATA_DIR", _path, "data", "The folder of the embedded stores.")
    max_size: int = setting("DROP_MAX_SIZE", _size, "5 GiB", "The most that one drop's files may have together.")
    quota: int | None = setting("DROP_QUOTA", _optional_size, "none", "The most that all sealed containers may take.")
    min_free: int = setting("DROP_MIN_FREE", _size, "1 GiB", "What an upload must leave free on the disk.")
    plain: bool = setting("DROP_PLAIN", _switch, "on", "Whether the plain way (form, curl) is offered.")
    limit_claims: str | None = setting(
        "DROP_LIMIT_CLAIMS", _rate, "120/minute", "Tries at fetching for each client address, or off."
    )
    limit_uploads: str | None = setting(
        "DROP_LIMIT_UPLOADS", _rate, "240/hour", "Uploads for each client address, or off."
    )
    trusted_proxy_hops: int = setting(
        "TRUSTED_PROXY_HOPS", _whole(0, 9), "0", "Exactly so many X-Forwarded-For hops are believed."
    )
    report_contact: str | None = setting(
        "DROP_REPORT_CONTACT",
        _text,
        None,
        "Where abuse can be reported: a mail or web address, shown on the share page.",
    )
    env: str = setting(
        "DROP_ENV", _environment, "development", "production refuses to start without SECRET_KEY and PUBLIC_URL."
    )
    host: str = setting("HOST", _text, "127.0.0.1", "The address to listen on.")
    port: int = setting("PORT", _whole(0, 65535), "8000", "The port to listen on.")
    workers: int = setting("WEB_CONCURRENCY", _whole(1, 64), "2", "Worker processes.")

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Settings":
        """Parse the settings.

        Raises:
            SettingsError: a value that cannot be understood, a setting of a part this version lacks, or
                production without its own secret and address.
        """
        for name in _NOT_IN_THIS_VERSION:
            if environ.get(name):
                raise SettingsError(f"{name}: this version has the embedded stores only; unset it")
        values: dict[str, Any] = {}
        for entry in fields(cls):
            name, parse, default = (entry.metadata[key] for key in ("name", "parse", "default"))
            text = environ.get(name, "").strip() or default
            try:
                values[entry.name] = None if text is None else parse(text)
            except ValueError as error:
                shown = "what it holds" if name.startswith("SECRET_KEY") else repr(text)
                raise SettingsError(f"{name}: {shown} is not understood: {error}") from error
        settings = cls(**values)
        settings._check_production()
        return settings

    def _check_production(self) -> None:
        if self.env != "production":
            return
        if self.secret_key is None or len(self.secret_key) < 32:
            raise SettingsError("SECRET_KEY: production needs its own, of at least 32 random characters")
        if self.public_url is None:
            raise SettingsError("PUBLIC_URL: production needs the address that links begin with")

    def trusts_host(self, untrusted_host: str) -> bool:
        """Whether a ``Host`` header may end up in a link: a trusted name, localhost, or a plain address."""
        name = _host_name(untrusted_host)
        if name == "localhost" or name in self.trusted_hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True
