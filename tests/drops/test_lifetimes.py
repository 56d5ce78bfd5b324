"""How long a drop lives and how often it may be fetched."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dropbox_app.drops.lifetimes import LIFETIMES, expiry, parse_downloads, parse_lifetime
from dropbox_app.errors import Refused

HOUR = 3600


@pytest.mark.parametrize(("text", "hours"), [("1h", 1), ("1d", 24), ("3d", 72), ("7d", 168), ("30d", 720), ("", 168)])
def test_lifetimes(text: str, hours: int) -> None:
    """The five lifetimes, and a week for none."""
    assert parse_lifetime(text) == hours


@pytest.mark.parametrize(
    "text",
    ["0", "1", "2h", "1H", "1 h", " 1h", "1h ", "1h\n", "31d", "8d", "-1d", "\N{ARABIC-INDIC DIGIT ONE}h", "7", "\0"],
)
def test_refused_lifetimes(text: str) -> None:
    """Anything else is refused, with the field's name and what would do."""
    with pytest.raises(Refused) as refusal:
        parse_lifetime(text)
    assert refusal.value.field == "lifetime"
    assert all(good in refusal.value.reason for good in LIFETIMES)


@pytest.mark.parametrize("count", range(1, 101))
def test_downloads(count: int) -> None:
    """Every whole number from 1 to 100."""
    assert parse_downloads(str(count)) == count


def test_no_limit() -> None:
    """Empty is no limit."""
    assert parse_downloads("") is None


@pytest.mark.parametrize(
    "text",
    ["0", "00", "000", "101", "999", "1000", "1.0", "1e1", "0x1", "1_0", "٣", "\N{SUPERSCRIPT TWO}", " 5", "5 ", "5\n",
     "+5", "-1", "-0", "five", "None", "*", "\0"],
)  # fmt: skip
def test_refused_downloads(text: str) -> None:
    """Zero, more than a hundred, signs, spaces, fractions and digits of other scripts are refused."""
    with pytest.raises(Refused) as refusal:
        parse_downloads(text)
    assert refusal.value.field == "downloads"


@pytest.mark.parametrize(
    ("now", "hour"),
    [
        (495_000 * HOUR, 495_001),
        (495_000 * HOUR + 1, 495_002),
        (495_000 * HOUR + 0.001, 495_002),
        (495_000 * HOUR - 1, 495_001),
        (495_000 * HOUR - 0.001, 495_001),
        (495_000 * HOUR + 3599.999, 495_002),
    ],
)
def test_the_full_hour_at_or_after(now: float, hour: int) -> None:
    """Exactly on the hour nothing is added; a moment later the drop lives until the next full hour."""
    assert expiry(now, 1) == hour


@given(st.integers(0, 4_000_000_000_000), st.sampled_from(sorted(LIFETIMES.values())))
def test_never_too_short_never_an_hour_too_long(milliseconds: int, hours: int) -> None:
    """A drop lives at least as long as was asked for, and less than an hour longer, at any millisecond until 2096."""
    found = expiry(milliseconds / 1000, hours)
    assert found == math.ceil((milliseconds + hours * HOUR * 1000) / (HOUR * 1000))
