"""Passwords that the service makes."""

import math

from dropbox_app.container.keys import check_pair
from dropbox_app.drops.passwords import WORDS, new_password, word_list


def test_words_are_the_published_list() -> None:
    """The EFF's large list without its four hyphenated words: 7,772 different ones of small letters."""
    words = word_list()
    assert len(words) == len(set(words)) == 7776 - 4
    assert all(word.isascii() and word.isalpha() and word.islower() for word in words)


def test_made_passwords_have_64_bits() -> None:
    """Five words, drawn one by one, can be taken apart again: nothing of their strength is lost by joining them."""
    assert WORDS * math.log2(len(word_list())) >= 64
    for _ in range(100):
        words = new_password().split("-")
        assert len(words) == WORDS
        assert set(words) <= set(word_list())


def test_made_passwords_are_fresh_and_valid() -> None:
    """No two are the same, all words of the list come up, and every pair may seal a drop."""
    made = [new_password() for _ in range(5000)]
    assert len(set(made)) == len(made)
    assert len({word for password in made for word in password.split("-")}) > 0.95 * len(word_list())
    assert check_pair(made[0], made[1]) == (made[0], made[1])
