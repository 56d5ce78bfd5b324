"""Passwords on their way in and out: right, swapped, wrong, missing, made, and of every spelling."""

import unicodedata

import pytest
import requests

from dropbox_app.drops.passwords import WORDS, word_list
from tests.service.server import Service
from tests.service.visitor import HEADERS, JSON, PASSWORDS, fetch, form, leave, put, receipt
from tests.service.wire import exchange, request


def test_either_order_opens(service: Service) -> None:
    """The two passwords open a drop in either order; no other two do, nor one of them twice."""
    drop = leave(service, b"secret")
    first, second = drop.passwords.values()
    assert fetch(service, drop, first_password=second, second_password=first).content == b"secret"
    for pair in ((first, "wrong"), ("wrong", second), (first, first), (second, second), (first.upper(), second)):
        answer = fetch(service, drop, first_password=pair[0], second_password=pair[1])
        assert answer.status_code == 403
        assert answer.json()["type"] == "urn:twinlock:problem:wrong-passwords"
    assert fetch(service, drop).content == b"secret"


def test_missing_ones_are_made(service: Service) -> None:
    """A missing or empty password is made of five words out of 7,772 (64 bits); no two made ones are the same."""
    assert len(word_list()) ** WORDS >= 2**64
    drops = [
        receipt(put(service, b"x")),
        receipt(put(service, b"x", First_Password="", Second_Password="")),
        receipt(form(service, ("a", b"x"), first_password="", second_password="")),
        receipt(form(service, ("a", b"x"), second_password="one of my own")),
    ]
    assert drops.pop().second_password == "one of my own"
    made = [password for drop in drops for password in drop.passwords.values()]
    assert len(set(made)) == len(made)
    for password in made:
        words = password.split("-")
        assert len(words) == WORDS
        assert set(words) <= set(word_list())
    assert fetch(service, drops[0]).content == b"x"


@pytest.mark.parametrize(
    ("first", "second", "field"),
    [
        ("the same", "the same", "second_password"),
        ("caf\u00e9", "cafe\u0301", "second_password"),
        ("x" * 1025, "y", "first_password"),
        ("x", "\u00e9" * 513, "second_password"),
        ("x", "a\x07bell", "second_password"),
        ("a\x85next line", "y", "first_password"),
        ("a\ttab", "y", "first_password"),
    ],
)
def test_bad_ones_are_refused(service: Service, first: str, second: str, field: str) -> None:
    """Equal passwords, also if only their NFC is equal, more than 1,024 bytes and control characters: 422 and why."""
    before = service.stored()
    answer = form(service, ("a", b"x"), first_password=first.encode(), second_password=second.encode())
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(f"{field}: ")
    assert service.stored() == before


def test_bad_ones_in_headers_are_refused(service: Service) -> None:
    """A raw upload refuses the same in its headers, and what is not UTF-8; control characters don't get so far."""
    for value, statuses in (
        (b"x" * 1025, {422}),
        (b"\xff\xfe", {422}),
        (b"\xed\xa0\x80", {422}),
        ("a\x85b".encode(), {422}),
        (b"a\x07b", {400, 422}),
    ):
        line = b"First-Password: " + value + b"\r\n"
        answer = exchange(service.port, request("PUT /a", "Content-Length: 1").replace(b"Host", line + b"Host") + b"x")
        assert answer.status in statuses, value
    answer = exchange(
        service.port, request("PUT /a", "First-Password: x", "Second-Password: x", "Content-Length: 1", body=b"x")
    )
    assert answer.status == 422


def test_longest_ones_are_taken(service: Service) -> None:
    """1,024 bytes are a password, also as 512 characters of two bytes, and in a header."""
    drop = receipt(put(service, b"x", First_Password="x" * 1024, Second_Password=("\u00e9" * 512).encode()))
    assert fetch(service, drop).content == b"x"


def test_spellings_of_one_password(service: Service) -> None:
    """Composed and decomposed spellings are the same password, left by header or form, and fetched by either."""
    composed, other = "Pass\u00e9 \u5bc6\u7801 \U0001f511", "zweites Pa\u00dfwort"
    decomposed = unicodedata.normalize("NFD", composed)
    assert composed != decomposed
    left = [
        receipt(put(service, b"x", First_Password=composed.encode(), Second_Password=other.encode())),
        receipt(put(service, b"x", First_Password=decomposed.encode(), Second_Password=other.encode())),
        receipt(form(service, ("a", b"x"), first_password=decomposed, second_password=other)),
    ]
    for drop in left:
        assert drop.first_password == composed
        for spelling in (composed, decomposed):
            answer = fetch(service, drop, first_password=spelling)
            assert (answer.status_code, answer.content) == (200, b"x")


def test_forms_that_are_not_utf8(service: Service) -> None:
    """Bytes that are no UTF-8 are refused: 422 in the upload form, 400 in a small form, and no drop is left."""
    before = service.stored()
    answer = form(service, ("a", b"x"), first_password=b"\xff\xfe")
    assert (answer.status_code, answer.json()["detail"]) == (422, "first_password: is not UTF-8.")
    body = "first_password=%FF%FE&second_password=x"
    headers = {"Content-Type": "application/x-www-form-urlencoded", **JSON}
    assert requests.post(f"{service.url}/d/{'1' * 32}", data=body, headers=headers, timeout=30).status_code == 400
    assert service.stored() == before


@pytest.mark.parametrize("missing", PASSWORDS)
def test_fetching_needs_both(service: Service, missing: str) -> None:
    """Without one of the passwords nothing is looked up: 422, which names the field."""
    drop = receipt(put(service, b"x", **{name.replace("-", "_"): value for name, value in HEADERS.items()}))
    answer = fetch(service, drop, **{missing: ""})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(missing)
