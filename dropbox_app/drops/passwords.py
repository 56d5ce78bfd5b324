"""Passwords that the service makes for people who bring none.

Five words of the EFF's large word list (Bonneau, 2016, https://www.eff.org/dice, CC BY 3.0), drawn one by one: at
least 64 bits, readable aloud over a telephone. The four words with a hyphen of their own are left out, since hyphens
join the words: 5 * log2(7772) = 64.6 bits.
"""

import secrets
from functools import cache
from importlib.resources import files

WORDS = 5


@cache
def word_list() -> tuple[str, ...]:
    """The 7,772 words that may be drawn."""
    text = files(__package__).joinpath("eff_large_wordlist.txt").read_text("ascii")
    return tuple(word for word in text.split() if "-" not in word)


def new_password() -> str:
    """A fresh password, derived from nothing."""
    return "-".join(secrets.choice(word_list()) for _ in range(WORDS))
