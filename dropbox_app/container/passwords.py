"""What a password may be (spec, section 3.1)."""

import re
import unicodedata

from dropbox_app.errors import Refused

MAX_PASSWORD_SIZE = 1024
"""Bytes of UTF-8, after normalisation."""

# A canonical composition joins at most four characters (UAX #15), so what is longer than this cannot become short
# enough; refusing it first keeps the normalisation, which is quadratic in the worst case, away from long input.
_MOST_CHARACTERS = 4 * MAX_PASSWORD_SIZE
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


def check_password(text: str, field: str) -> str:
    """Normalise one password, and check it.

    Args:
        text: What somebody typed.
        field: Its name on the wire, for the error.

    Returns:
        Its NFC: 1 to 1024 bytes of UTF-8 without control characters (Unicode Cc).

    Raises:
        Refused: there is no such form of it.
    """
    if len(text) > _MOST_CHARACTERS:
        raise Refused(field, f"a password has at most {MAX_PASSWORD_SIZE} bytes")
    password = unicodedata.normalize("NFC", text)
    try:
        size = len(password.encode())
    except UnicodeEncodeError:
        raise Refused(field, "a password is made of whole Unicode characters") from None
    if not size:
        raise Refused(field, "a password has at least one character")
    if size > MAX_PASSWORD_SIZE:
        raise Refused(field, f"a password has at most {MAX_PASSWORD_SIZE} bytes")
    if _CONTROL.search(password):
        raise Refused(field, "a password has no control characters")
    return password


def check_pair(first: str, second: str) -> tuple[str, str]:
    """Check the two passwords that somebody wants to seal with.

    Returns:
        Both in NFC, in the order in which they came.

    Raises:
        Refused: one of them is no password, or they are equal; ``field`` is `first_password` or `second_password`.
    """
    first, second = check_password(first, "first_password"), check_password(second, "second_password")
    if first == second:
        raise Refused("second_password", "the two passwords must differ, since they travel by two roads")
    return first, second
