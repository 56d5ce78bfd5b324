"""File IDs carry their expiry, are read as people type them, and give blobs names that cannot be turned back."""

import hashlib
import re
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dropbox_app.drops.file_ids import blob_name, expires_at, new_file_id, parse_file_id
from dropbox_app.errors import DropNotFound
from dropbox_app.model import BASE32, PREFIX_LENGTH, FileId, Hour, base32, expiry_hour, hour_of, hour_prefix

HOURS = st.integers(0, 32**4 - 1).map(Hour)
RANDOM = st.binary(min_size=17, max_size=17)
SOME = new_file_id(Hour(494_445), lambda count: b"\x5a" * count)


def test_a_known_answer() -> None:
    """Version, hour and random bits stand where the specification puts them; reckoned by hand."""
    # 494445 = 15 * 32**3 + 2 * 32**2 + 27 * 32 + 13: characters 15, 2, 27 and 13 of the alphabet.
    assert SOME[:5] == "1f2vd"
    # The lowest 135 of the 136 bits 0x5a5a…5a, five at a time: 10110, 10010, 11010, …
    assert SOME[5:9] == "pjtb"
    assert int.from_bytes(b"\x5a" * 17, "big") & (1 << 135) - 1 == sum(
        BASE32.index(character) << 5 * place for place, character in enumerate(reversed(SOME[5:]))
    )


@given(HOURS, RANDOM)
def test_the_format(hour: Hour, random: bytes) -> None:
    """32 characters of Crockford's base32 in lower case, which begin with version 1, and tell the hour."""
    file_id = new_file_id(hour, lambda count: random[:count])
    assert re.fullmatch(r"1[0-9a-hjkmnp-tv-z]{31}", file_id)
    assert expiry_hour(file_id) == hour
    assert expires_at(file_id) == hour * 3600
    assert parse_file_id(file_id) == file_id


@given(HOURS, HOURS, RANDOM, RANDOM)
def test_they_sort_by_hour(first: Hour, second: Hour, one: bytes, other: bytes) -> None:
    """As plain texts, IDs and blob names are ordered by their hour, whatever their random part."""
    earlier, later = new_file_id(first, lambda _: one), new_file_id(second, lambda _: other)
    if first < second:
        assert earlier < later
        assert blob_name(earlier) < blob_name(later)
        assert earlier < hour_prefix(second) <= later
        assert blob_name(earlier) < hour_prefix(second) <= blob_name(later)


@given(RANDOM, RANDOM)
def test_every_random_bit_counts(one: bytes, other: bytes) -> None:
    """Two IDs are the same only where all 135 bits are."""
    bits = (1 << 135) - 1
    same = int.from_bytes(one, "big") & bits == int.from_bytes(other, "big") & bits
    assert (new_file_id(Hour(1), lambda _: one) == new_file_id(Hour(1), lambda _: other)) == same


def test_asks_for_enough_randomness() -> None:
    """It asks once, for 136 bits."""
    asked: list[int] = []

    def random_bytes(count: int) -> bytes:
        asked.append(count)
        return secrets.token_bytes(count)

    new_file_id(Hour(7), random_bytes)
    assert asked == [17]


@given(HOURS, RANDOM, st.randoms(use_true_random=False))
def test_typed_by_hand(hour: Hour, random: bytes, chance: "st.DataObject") -> None:
    """Upper case, o for 0, i and l for 1 are understood, in any mixture."""
    file_id = new_file_id(hour, lambda _: random)
    typed = "".join(chance.choice({"0": "0oO", "1": "1iIlL"}.get(c, c + c.upper())) for c in file_id)  # type: ignore[attr-defined]
    assert parse_file_id(typed) == file_id


@pytest.mark.parametrize(
    "text",
    [
        "",
        SOME[:-1],
        SOME + "0",
        " " + SOME[1:],
        SOME[:-1] + " ",
        SOME[:-1] + "\n",
        SOME + "\n",
        "2" + SOME[1:],
        "0" + SOME[1:],
        SOME[:-1] + "u",
        SOME[:-1] + "U",
        SOME[:-1] + "-",
        SOME[:-1] + "/",
        SOME[:-1] + "%",
        SOME[:-1] + "\0",
        SOME[:-1] + ":",
        SOME[:-1] + "*",
        SOME[:-1] + "\N{ARABIC-INDIC DIGIT THREE}",
        SOME[:-1] + "\N{FULLWIDTH DIGIT THREE}",
        SOME[:-1] + "\N{KELVIN SIGN}",
        SOME[:-1] + "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}",
        SOME[:-1] + "\N{LATIN SMALL LETTER LONG S}",
        "\N{FULLWIDTH DIGIT ONE}" + SOME[1:],
        SOME[:-1] + "\udcff",
        "../" + SOME[3:],
        "1" * 10_000,
    ],
)  # fmt: skip
def test_malformed_ones(text: str) -> None:
    """What is no file ID is no drop: wrong length, version or character, also ones that look or fold like good ones."""
    with pytest.raises(DropNotFound):
        parse_file_id(text)


@given(st.text(min_size=30, max_size=34))
def test_any_text_at_all(text: str) -> None:
    """Any text is either refused as no drop or read as a canonical ID."""
    try:
        file_id = parse_file_id(text)
    except DropNotFound:
        return
    assert re.fullmatch(r"1[0-9a-hjkmnp-tv-z]{31}", file_id)


@given(HOURS, RANDOM)
def test_blob_names(hour: Hour, random: bytes) -> None:
    """A blob's name has the prefix of the ID's hour and a labelled SHA-256, cut to 160 bits; nothing else of the ID."""
    file_id = new_file_id(hour, lambda _: random)
    name = blob_name(file_id)
    assert re.fullmatch(r"1[0-9a-hjkmnp-tv-z]{4}-[a-z2-7]{32}", name)
    assert name[:PREFIX_LENGTH] == file_id[:PREFIX_LENGTH]
    assert expiry_hour(name) == hour
    assert file_id[PREFIX_LENGTH:] not in name


def test_a_known_blob_name() -> None:
    """The name is the same for ever, or nobody would find their blob; reckoned with another base32."""
    digest = int.from_bytes(hashlib.sha256(b"twinlock v1 blob" + SOME.encode()).digest()[:20], "big")
    rfc4648 = base32(digest, 32).translate(str.maketrans(BASE32, "abcdefghijklmnopqrstuvwxyz234567"))
    assert blob_name(SOME) == f"1f2vd-{rfc4648}"


def test_one_character_changes_the_whole_name() -> None:
    """Neighbouring IDs have unrelated blob names."""
    neighbour = FileId(SOME[:-1] + ("0" if SOME[-1] != "0" else "1"))
    pairs = zip(blob_name(SOME)[6:], blob_name(neighbour)[6:], strict=True)
    assert sum(one == other for one, other in pairs) < 10


def test_the_hour_of_a_moment() -> None:
    """An hour begins with its first second and ends before the next one's."""
    assert [hour_of(now) for now in (0, 3599.999, 3600, 7199.5)] == [0, 0, 1, 1]
