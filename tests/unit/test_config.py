"""Settings: parsed once, refused with their name when they cannot be understood."""

import dataclasses
import re
from dataclasses import fields
from pathlib import Path

import pytest

from dropbox_app.config import GIB, MIB, Settings, SettingsError

SECRET = "s" * 32


def parse(**environ: str) -> Settings:
    """Settings of this environment."""
    return Settings.from_environ(environ)


def test_defaults() -> None:
    """Nothing has to be set; these are the documented defaults."""
    settings = parse()
    assert settings == Settings(
        secret_key=None,
        secret_key_old=None,
        public_url=None,
        trusted_hosts=(),
        data_dir=Path("data").absolute(),
        max_size=5 * GIB,
        quota=None,
        min_free=GIB,
        plain=True,
        limit_claims="120/minute",
        limit_uploads="240/hour",
        trusted_proxy_hops=0,
        report_contact=None,
        env="development",
        host="127.0.0.1",
        port=8000,
        workers=2,
    )


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("SECRET_KEY", "x", "secret_key", "x"),
        ("SECRET_KEY", " padded ", "secret_key", "padded"),
        ("SECRET_KEY_OLD", "y", "secret_key_old", "y"),
        ("PUBLIC_URL", "https://drop.example.org", "public_url", "https://drop.example.org"),
        ("PUBLIC_URL", "https://drop.example.org/", "public_url", "https://drop.example.org"),
        ("PUBLIC_URL", "http://[::1]:8000/", "public_url", "http://[::1]:8000"),
        ("PUBLIC_URL", "https://example.org/drop/", "public_url", "https://example.org/drop"),
        ("TRUSTED_HOSTS", "Drop.Example, other.example,,", "trusted_hosts", ("drop.example", "other.example")),
        ("DROP_DATA_DIR", "/srv/drops", "data_dir", Path("/srv/drops")),
        ("DROP_DATA_DIR", "elsewhere", "data_dir", Path("elsewhere").absolute()),
        ("DROP_MAX_SIZE", "1000", "max_size", 1000),
        ("DROP_MAX_SIZE", "500 MiB", "max_size", 500 * MIB),
        ("DROP_MAX_SIZE", "5GiB", "max_size", 5 * GIB),
        ("DROP_MAX_SIZE", "5 GB", "max_size", 5 * 10**9),
        ("DROP_MAX_SIZE", "1 TiB", "max_size", 2**40),
        ("DROP_QUOTA", "none", "quota", None),
        ("DROP_QUOTA", "0", "quota", 0),
        ("DROP_QUOTA", "3 KiB", "quota", 3072),
        ("DROP_MIN_FREE", "0", "min_free", 0),
        ("DROP_MIN_FREE", "12 B", "min_free", 12),
        ("DROP_PLAIN", "off", "plain", False),
        ("DROP_LIMIT_CLAIMS", "off", "limit_claims", None),
        ("DROP_LIMIT_CLAIMS", "5 per minute; 20 per hour", "limit_claims", "5 per minute; 20 per hour"),
        ("DROP_LIMIT_UPLOADS", "10/day", "limit_uploads", "10/day"),
        ("TRUSTED_PROXY_HOPS", "2", "trusted_proxy_hops", 2),
        ("DROP_REPORT_CONTACT", "mailto:abuse@example.org", "report_contact", "mailto:abuse@example.org"),
        ("HOST", "::", "host", "::"),
        ("PORT", "0", "port", 0),
        ("PORT", "65535", "port", 65535),
        ("WEB_CONCURRENCY", "64", "workers", 64),
        ("PORT", "", "port", 8000),
        ("PUBLIC_URL", "  ", "public_url", None),
    ],
)
def test_understood_values(name: str, text: str, field: str, value: object) -> None:
    """Each setting becomes a value of its field; an empty one is a missing one, and spaces around do not count."""
    assert getattr(parse(**{name: text}), field) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PUBLIC_URL", "drop.example.org"),
        ("PUBLIC_URL", "ftp://drop.example.org"),
        ("PUBLIC_URL", "javascript:alert(1)"),
        ("PUBLIC_URL", "https://"),
        ("PUBLIC_URL", "https:///path"),
        ("PUBLIC_URL", "https://drop.example.org/?x=1"),
        ("PUBLIC_URL", "https://drop.example.org/#x"),
        ("PUBLIC_URL", "http://[::1"),
        ("DROP_MAX_SIZE", "5 gigabytes"),
        ("DROP_MAX_SIZE", "5 gib"),
        ("DROP_MAX_SIZE", "-1"),
        ("DROP_MAX_SIZE", "1.5 GiB"),
        ("DROP_MAX_SIZE", "none"),
        ("DROP_MAX_SIZE", "1" * 16),
        ("DROP_QUOTA", "unlimited"),
        ("DROP_MIN_FREE", "10%"),
        ("DROP_PLAIN", "yes"),
        ("DROP_PLAIN", "ON"),
        ("DROP_PLAIN", "0"),
        ("DROP_LIMIT_CLAIMS", "many"),
        ("DROP_LIMIT_CLAIMS", "120"),
        ("DROP_LIMIT_UPLOADS", "5/fortnight"),
        ("TRUSTED_PROXY_HOPS", "-1"),
        ("TRUSTED_PROXY_HOPS", "10"),
        ("TRUSTED_PROXY_HOPS", "one"),
        ("TRUSTED_PROXY_HOPS", "1.0"),
        ("DROP_ENV", "prod"),
        ("DROP_ENV", "Production"),
        ("PORT", "65536"),
        ("PORT", "http"),
        ("WEB_CONCURRENCY", "0"),
        ("WEB_CONCURRENCY", "65"),
    ],
)
def test_refused_values(name: str, text: str) -> None:
    """What cannot be understood is refused, with the setting's name and what it said, and nothing is assumed."""
    with pytest.raises(SettingsError) as error:
        parse(**{name: text})
    assert str(error.value).startswith(f"{name}: ")
    assert text in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "https://drop.example.org?",
        "https://drop.example.org/#",
        "https://drop.example.org:99999",
        "https://drop.example.org:port",
        "https://name:word@drop.example.org",
        "https://drop example.org",
    ],
)
def test_addresses_that_no_link_can_begin_with(text: str) -> None:
    """An address that would make every link a broken one is refused at the start, not found by those who follow one."""
    with pytest.raises(SettingsError, match=r"^PUBLIC_URL: "):
        parse(PUBLIC_URL=text)


@pytest.mark.parametrize("name", ["SECRET_KEY", "SECRET_KEY_OLD"])
def test_a_secret_that_is_no_text(name: str) -> None:
    """Bytes that are not UTF-8 are refused as a setting, without being told."""
    with pytest.raises(SettingsError, match=f"^{name}: "):
        parse(**{name: "\udcff" * 40})


@pytest.mark.parametrize(
    "name",
    [
        "MONGODB_URI",
        "AZURE_STORAGE_CONNECTION_STRING",
        "AZURE_STORAGE_ACCOUNT_URL",
        "AZURE_STORAGE_CONTAINER",
        "RATELIMIT_STORAGE_URI",
    ],
)
def test_settings_of_parts_that_are_not_there(name: str) -> None:
    """They are never passed over: whoever sets one believes that it counts. Its value, a secret, is not told."""
    with pytest.raises(SettingsError, match=f"^{name}: ") as error:
        parse(**{name: "secret-value"})
    assert "secret-value" not in str(error.value)
    parse(**{name: ""})


class TestProduction:
    """What production refuses to start without."""

    GOOD = {"DROP_ENV": "production", "SECRET_KEY": SECRET, "PUBLIC_URL": "https://drop.example.org"}  # noqa: RUF012

    def test_good(self) -> None:
        """With its own secret and address it starts."""
        assert parse(**self.GOOD).env == "production"

    @pytest.mark.parametrize("secret", ["", "  ", "dev", "s" * 31, " " * 40])
    def test_needs_a_secret(self, secret: str) -> None:
        """None, or a short one: refused, and not told."""
        with pytest.raises(SettingsError, match=r"^SECRET_KEY: "):
            parse(**(self.GOOD | {"SECRET_KEY": secret}))

    def test_needs_an_address(self) -> None:
        """Without the address that links begin with, no start."""
        with pytest.raises(SettingsError, match=r"^PUBLIC_URL: "):
            parse(**(self.GOOD | {"PUBLIC_URL": ""}))

    def test_development_needs_neither(self) -> None:
        """On a laptop nothing has to be set."""
        assert parse(SECRET_KEY="dev").secret_key == "dev"


@pytest.mark.parametrize(
    ("host", "trusted"),
    [
        ("localhost", True),
        ("localhost:1", True),
        ("LOCALHOST:8000", True),
        ("localhost.", True),
        ("127.0.0.1", True),
        ("127.0.0.1:8000", True),
        ("10.0.0.5:80", True),
        ("203.0.113.9", True),
        ("[::1]", True),
        ("[::1]:8000", True),
        ("[2001:db8::5]:80", True),
        ("drop.example", True),
        ("DROP.example:8000", True),
        ("drop.example.", True),
        ("", False),
        ("evil.example", False),
        ("evil.example:80", False),
        ("drop.example.evil.example", False),
        ("evil-drop.example", False),
        ("www.drop.example", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("127.0.0.1.nip.io", False),
        ("localhost@evil.example", False),
        ("127.0.0.1:80@evil.example", False),
        ("a@b", False),
        ("[::1", False),
        ("::1", False),
        (":8000", False),
        ("@", False),
        ("/", False),
        ("//localhost", False),
        (" localhost", False),
        ("0x7f.1", False),
        ("2130706433", False),
        ("127.1", False),
        ("localhos\N{LATIN SMALL LETTER T WITH CEDILLA}", False),
        ("\N{FULLWIDTH DIGIT ONE}27.0.0.1", False),
    ],
)
def test_trusted_hosts(host: str, trusted: bool) -> None:
    """Localhost, plain addresses and the named hosts, with any port; nothing that only looks like one of them."""
    assert parse(TRUSTED_HOSTS="drop.example").trusts_host(host) is trusted


@pytest.mark.parametrize(
    "host",
    [
        "a@localhost",
        "evil.example\\@localhost",
        "localhost/x",
        "localhost#x",
        "localhost?x",
        "localhost:x",
        "localhost:65536",
        "localhost:",
        "[fe80::1%eth0]",
    ],
)
def test_what_is_no_host_is_not_trusted(host: str) -> None:
    """What is more than a name or an address and a port is refused: a browser may see another host in it."""
    assert not parse().trusts_host(host)


def test_fields_carry_their_meaning() -> None:
    """Each setting has a name of its own, a parser, and a sentence for the documented table."""
    names = [entry.metadata["name"] for entry in fields(Settings)]
    assert len(set(names)) == len(names)
    for entry in fields(Settings):
        assert re.fullmatch(r"[A-Z][A-Z_]+", entry.metadata["name"])
        assert re.fullmatch(r"\S.{10,}\.", entry.metadata["meaning"]), entry.name
        assert callable(entry.metadata["parse"])
        default = entry.metadata["default"]
        if default is not None:
            assert parse(**{entry.metadata["name"]: default}) == parse()


def test_settings_are_frozen() -> None:
    """Nobody changes a setting while the service runs."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        parse().port = 1  # type: ignore[misc]
