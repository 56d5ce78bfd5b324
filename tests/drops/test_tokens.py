"""Owner tokens and grants."""

import base64
import hashlib
import hmac
import re
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import Signer

from dropbox_app.drops.file_ids import new_file_id
from dropbox_app.drops.tokens import BadGrant, Grant, Tokens, grant_seconds
from dropbox_app.model import FileId, Hour

ID = new_file_id(Hour(495_000), lambda count: b"\x11" * count)
OTHER = new_file_id(Hour(495_000), lambda count: b"\x12" * count)
NOW = 1_780_000_000
ONE, TWO = "one secret", "two secrets"
TOKENS = Tokens(ONE, None)
GRANT = Grant(ID, NOW + 3600)


def test_owner_tokens_are_as_specified() -> None:
    """HMAC-SHA-256(SECRET_KEY, "twinlock v1 owner" || file ID), base64url without padding."""
    token = TOKENS.owner_token(ID)
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", token)
    digest = hmac.new(ONE.encode(), b"twinlock v1 owner" + ID.encode(), hashlib.sha256).digest()
    assert base64.urlsafe_b64decode(token + "=") == digest


def test_owner_tokens_differ_by_drop_and_secret() -> None:
    """The same for the same drop and secret, for ever; another one otherwise. An old secret does not change it."""
    assert TOKENS.owner_token(ID) == Tokens(ONE, None).owner_token(ID) == Tokens(ONE, TWO).owner_token(ID)
    assert len({Tokens(secret, None).owner_token(name) for secret in (ONE, TWO) for name in (ID, OTHER)}) == 4


def test_counter_keys_are_a_secret_of_their_own() -> None:
    """32 bytes, the same on all hosts with one SECRET_KEY, and not what signs anything else."""
    key = TOKENS.counter_key()
    assert len(key) == 32
    assert key == Tokens(ONE, TWO).counter_key() != Tokens(TWO, None).counter_key()
    assert base64.urlsafe_b64encode(key).rstrip(b"=").decode() != Tokens(ONE, None).owner_token(FileId(""))


@given(st.integers(0, 32**4 - 1).map(Hour), st.integers(0, 2**40))
def test_grants_come_back(hour: Hour, left: int) -> None:
    """What was sealed is what is opened, until its last second, in characters that fit into a header."""
    grant = Grant(new_file_id(hour, secrets.token_bytes), NOW + left)
    sealed = TOKENS.seal_grant(grant)
    assert re.fullmatch(r"[A-Za-z0-9._-]+", sealed)
    assert TOKENS.open_grant(sealed, NOW + left - 1) == grant
    with pytest.raises(BadGrant):
        TOKENS.open_grant(sealed, NOW + left)


def test_ended_grants() -> None:
    """From its last second on, a grant is worth nothing."""
    sealed = TOKENS.seal_grant(GRANT)
    assert TOKENS.open_grant(sealed, GRANT.ends - 0.5) == GRANT
    for now in (GRANT.ends, GRANT.ends + 0.5, GRANT.ends + 10**6):
        with pytest.raises(BadGrant):
            TOKENS.open_grant(sealed, now)


def test_every_altered_character_is_noticed() -> None:
    """Whatever character is changed, left out or added: no grant."""
    sealed = TOKENS.seal_grant(GRANT)
    for place in range(len(sealed) - 1):
        for altered in (sealed[:place] + ("A" if sealed[place] != "A" else "B") + sealed[place + 1 :],
                        sealed[:place] + sealed[place + 1 :],
                        sealed[:place] + "0" + sealed[place:]):  # fmt: skip
            with pytest.raises(BadGrant):
                TOKENS.open_grant(altered, NOW)
    assert TOKENS.open_grant(sealed, NOW) == GRANT


@given(st.text())
def test_any_text_at_all(text: str) -> None:
    """What nobody signed is a bad grant, whatever it is made of."""
    with pytest.raises(BadGrant):
        TOKENS.open_grant(text, NOW)


@pytest.mark.parametrize("text", ["", ".", "..", f"{ID}.{GRANT.ends}", f"{ID}.{GRANT.ends}.", "\udcff", "é.1.x", "\0"])
def test_no_signature(text: str) -> None:
    """Neither an empty one nor one of strange characters is an error of another kind."""
    with pytest.raises(BadGrant):
        TOKENS.open_grant(text, NOW)


def test_another_secret() -> None:
    """A grant of another service is worth nothing here."""
    with pytest.raises(BadGrant):
        Tokens(TWO, None).open_grant(TOKENS.seal_grant(GRANT), NOW)


def test_the_old_secret_is_still_believed() -> None:
    """After a change of SECRET_KEY the old one's grants go on, and new ones are signed with the new one alone."""
    changed = Tokens(TWO, ONE)
    assert changed.open_grant(TOKENS.seal_grant(GRANT), NOW) == GRANT
    sealed = changed.seal_grant(GRANT)
    assert changed.open_grant(sealed, NOW) == Tokens(TWO, None).open_grant(sealed, NOW) == GRANT
    with pytest.raises(BadGrant):
        TOKENS.open_grant(sealed, NOW)


@pytest.mark.parametrize("salt", [b"twinlock v1 owner", b"twinlock v1 upload", b"itsdangerous.Signer", b""])
def test_signatures_of_other_labels_do_not_cross_over(salt: bytes) -> None:
    """What the same secret signed for another purpose is no grant."""
    signer = Signer(ONE, salt=salt, key_derivation="hmac", digest_method=hashlib.sha256)
    with pytest.raises(BadGrant):
        TOKENS.open_grant(signer.sign(f"{ID}.{GRANT.ends}").decode(), NOW)


def test_an_owner_token_is_no_signature() -> None:
    """An owner token, appended where a grant's signature belongs, opens nothing."""
    with pytest.raises(BadGrant):
        TOKENS.open_grant(f"{ID}.{GRANT.ends}.{TOKENS.owner_token(ID)}", NOW)


def test_grants_are_for_one_drop() -> None:
    """Another drop's ID under the same signature is refused."""
    with pytest.raises(BadGrant):
        TOKENS.open_grant(TOKENS.seal_grant(GRANT).replace(ID, OTHER), NOW)


@pytest.mark.parametrize(
    ("size", "seconds"),
    [
        (0, 3600),
        (4272, 3600),
        (3600 * 65_536, 3600),
        (3600 * 65_536 + 1, 3601),
        (3601 * 65_536, 3601),
        (5 * 2**30, 81_920),
    ],
)
def test_how_long_a_grant_lasts(size: int, seconds: int) -> None:
    """An hour at least, and as long as the container takes at 64 KiB a second: 5 GiB get almost 23 hours."""
    assert grant_seconds(size) == seconds
