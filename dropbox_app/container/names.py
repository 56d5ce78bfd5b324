"""File names: data, never paths (spec, section 5.2).

A reader refuses what a name may not be; a writer cleans it, so that what it writes is never refused.
"""

import itertools
import re
import unicodedata

from dropbox_app.errors import DamagedContainer

MAX_NAME_SIZE = 255
"""Bytes of UTF-8."""

# Slashes, control characters (Unicode Cc) and those that turn the direction of writing, which can make an
# executable look like a picture.
_FORBIDDEN = re.compile("[/\\\\\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_DEVICE = re.compile(r"(?:CON|PRN|AUX|NUL|COM[1-9]|LPT[1-9])(?:\.|\Z)", re.IGNORECASE | re.ASCII)

_MAX_ENDING_SIZE = 32
"""Bytes of the longest ending, with its dot, that survives the cutting of a name."""
_LONG_HEAD, _LONG_TAIL = 3072, 1024
"""Characters kept of a name before it is normalised, which takes quadratic time in the worst case."""


def check_name(name: str) -> None:
    """Check a name as a reader does.

    Raises:
        DamagedContainer: no writer would have written it.
    """
    if _LONE_SURROGATE.search(name) or not 1 <= len(name.encode()) <= MAX_NAME_SIZE:
        raise DamagedContainer("a file name has 1 to 255 bytes of UTF-8")
    if not unicodedata.is_normalized("NFC", name):
        raise DamagedContainer("a file name is not in NFC")
    if _FORBIDDEN.search(name):
        raise DamagedContainer("a file name has a forbidden character")
    if name[-1] in ". ":
        raise DamagedContainer("a file name ends with a dot or a space")
    if _DEVICE.match(name):
        raise DamagedContainer("a file name is that of a device")


def folded(name: str) -> str:
    """The form in which two names of a drop must differ: NFC of the full case folding (Unicode, section 3.13)."""
    return unicodedata.normalize("NFC", name.casefold())


def clean_name(name: str) -> str:
    """Turn any string into a name that `check_name` takes. One that it takes already stays as it is."""
    name = _LONE_SURROGATE.sub("_", name)
    if len(name) > _LONG_HEAD + _LONG_TAIL:
        name = name[:_LONG_HEAD] + name[-_LONG_TAIL:]
    name = _FORBIDDEN.sub("_", unicodedata.normalize("NFC", name))
    name = _without_bad_end(name) or "file"
    if _DEVICE.match(name):
        name = "_" + name
    stem, ending = _parts(name)
    return _without_bad_end(_cut(stem, MAX_NAME_SIZE - len(ending.encode())) + ending)


class NameCleaner:
    """Cleans the names of one drop, so that no two are the same after case folding: ``a.txt``, ``a (2).txt``."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._next_numbers: dict[tuple[str, int], int] = {}

    def add(self, name: str) -> str:
        """Clean the next name, and number it if another file of this drop has it."""
        name = clean_name(name)
        if folded(name) in self._taken:
            name = self._numbered(name)
        self._taken.add(folded(name))
        return name

    def _numbered(self, name: str) -> str:
        """The first free number. Numbers found taken are remembered for all names with the same cut beginning."""
        stem, ending = _parts(name)
        for digits in itertools.count(1):
            kept = _cut(stem, MAX_NAME_SIZE - len(f" (){ending}".encode()) - digits)
            key = (folded(f"{kept} {ending}"), digits)
            for number in range(self._next_numbers.get(key, max(2, 10 ** (digits - 1))), 10**digits):
                self._next_numbers[key] = number + 1
                candidate = f"{kept} ({number}){ending}"
                if folded(candidate) not in self._taken:
                    return candidate
        raise AssertionError


def _without_bad_end(name: str) -> str:
    return name[:-1] + "_" if name.endswith((".", " ")) else name


def _parts(name: str) -> tuple[str, str]:
    """Stem and ending: from the last dot on, unless the name begins with it or the ending is uncommonly long."""
    dot = name.rfind(".")
    if dot < 1 or len(name[dot:].encode()) > _MAX_ENDING_SIZE:
        return name, ""
    return name[:dot], name[dot:]


def _cut(stem: str, size: int) -> str:
    """The beginning of a stem, at most so many bytes of UTF-8, not cut before a combining mark if that can be."""
    kept = stem.encode()[:size].decode(errors="ignore")
    end = len(kept)
    while 0 < end < len(stem) and unicodedata.category(stem[end])[0] == "M":
        end -= 1
    return kept[:end] or kept
