"""Passwords, keys and headers: what is no vector."""

import dataclasses
from typing import Any

import pytest

from dropbox_app.container.body import BodyKey
from dropbox_app.container.header import Header
from dropbox_app.container.keys import KDF_PROFILES, DropKeys, new_header, open_header, stretch, unwrap, wrap
from dropbox_app.container.passwords import check_pair, check_password
from dropbox_app.errors import DamagedContainer, Refused, WrongPasswords
from tests.container.ways import BODY_SALT, FILE_KEY, KEYS, SALT, keys_of


def test_keys_show_nothing() -> None:
    """Neither repr nor str of anything that holds a secret tells a byte of it."""
    keys = keys_of("correct-horse", "battery-staple", SALT)
    for holder in (keys, BodyKey(FILE_KEY, b"", BODY_SALT)):
        shown = f"{holder!r} {holder} {[holder]}"
        for secret in (keys.kek, keys.commitment, keys.proof, FILE_KEY):
            assert secret.hex() not in shown
            assert repr(secret)[2:10] not in shown
    assert repr(keys) == "DropKeys(…)"


def test_keys_are_not_compared_by_accident() -> None:
    """Equality of keys would not take constant time, so there is none."""
    assert dataclasses.replace(KEYS) != KEYS


def test_the_profile_cannot_be_weakened() -> None:
    """64 MiB, 3 passes, 1 lane; a test or a plug-in that lowers them fails loudly."""
    profile = KDF_PROFILES[1]
    assert (profile.memory, profile.passes, profile.lanes) == (65536, 3, 1)
    table: Any = KDF_PROFILES
    with pytest.raises(TypeError):
        table[1] = profile
    with pytest.raises(dataclasses.FrozenInstanceError):
        profile.memory = 8  # type: ignore[misc]


def test_either_order_leads_to_the_same_keys() -> None:
    """The two passwords turn together, like two keys of one lock."""
    one, other = keys_of("a", "b", SALT), keys_of("b", "a", SALT)
    assert (one.kek, one.commitment, one.proof) == (other.kek, other.commitment, other.proof)
    assert len({one.kek, one.commitment, one.proof}) == 3


def test_a_pair_is_normalised_in_its_order() -> None:
    """A writer gets both in NFC, first and second where they were."""
    assert check_pair("e\u0301", "a") == ("\xe9", "a")


@pytest.mark.parametrize("field", ["first_password", "second_password"])
def test_the_error_names_the_field(field: str) -> None:
    """Which of the two is no password is said by its name on the wire, in `check_pair` and in `stretch`."""
    pair = ("", "a") if field == "first_password" else ("a", "")
    for call in (lambda: check_pair(*pair), lambda: stretch(*pair, SALT)):
        with pytest.raises(Refused) as caught:
            call()
        assert caught.value.field == field


def test_a_very_long_password_is_refused_before_it_is_normalised() -> None:
    """Ten million combining marks would take minutes to put in order."""
    with pytest.raises(Refused):
        check_password("a" + "\u0301\u0323" * 5_000_000, "first_password")
    # The longest that normalises to few enough bytes: four characters become one of three bytes.
    assert len(check_password("\u03b1\u0313\u0300\u0345" * 341, "first_password")) == 341


def test_wrong_lengths_are_bugs() -> None:
    """Salts and keys of another length come from a caller's mistake, not from outside."""
    with pytest.raises(ValueError, match="16 bytes"):
        stretch("a", "b", b"short")
    with pytest.raises(ValueError, match="32 bytes"):
        wrap(KEYS.kek, b"short")
    with pytest.raises(ValueError, match="16, 32 and 40"):
        Header(SALT, b"short", bytes(40))
    with pytest.raises(ValueError, match="16, 32 and 40"):
        new_header(KEYS, b"short", FILE_KEY)


def test_a_header_opens_with_its_keys_alone() -> None:
    """Other passwords are wrong; the right ones with a changed wrapping are damage."""
    header = new_header(KEYS, SALT, FILE_KEY)
    assert open_header(header, KEYS) == FILE_KEY
    with pytest.raises(WrongPasswords):
        open_header(header, dataclasses.replace(KEYS, commitment=bytes(32)))
    with pytest.raises(DamagedContainer):
        open_header(dataclasses.replace(header, wrapped=bytes(40)), KEYS)
    with pytest.raises(DamagedContainer):
        unwrap(KEYS.kek, bytes(39))


def test_the_commitment_comes_before_the_wrapping() -> None:
    """With both wrong, the passwords are to blame: nothing is unwrapped under unverified keys."""
    header = Header(SALT, bytes(32), bytes(40))
    with pytest.raises(WrongPasswords):
        open_header(header, DropKeys(b"k" * 32, b"c" * 32, b"p" * 32))


@pytest.mark.parametrize("size", [0, 103, 105])
def test_a_header_has_104_bytes(size: int) -> None:
    """Neither more nor less is parsed."""
    with pytest.raises(DamagedContainer):
        Header.parse(new_header(KEYS, SALT, FILE_KEY).encode().ljust(105, b"\0")[:size])
