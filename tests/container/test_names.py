"""Names, for any string there is."""

import unicodedata
from time import perf_counter

from hypothesis import example, given
from hypothesis import strategies as st

from dropbox_app.container.names import NameCleaner, check_name, clean_name, folded
from dropbox_app.errors import DamagedContainer
from tests.container.ways import modest
from tests.vectors import second_reader

_TRICKY = st.sampled_from(
    [
        *"./\\ _aA\0\n\x7f\x85\u202e\u2066\ud800\u0301\u0323\u0345\u0390\u1e9e\u20ac\U0001f600",
        "CON",
        "com1",
        ".txt",
        " (2)",
    ]
)
_NAMES = st.one_of(
    st.text(st.characters(codec=None), max_size=400),
    st.lists(_TRICKY, max_size=12).map("".join),
    st.builds(lambda unit, times, end: unit * times + end, _TRICKY, st.integers(0, 300), _TRICKY),
)


def _is_name(name: str) -> bool:
    try:
        check_name(name)
    except DamagedContainer:
        return False
    return True


def _is_name_to_the_second_reader(name: str) -> bool:
    try:
        second_reader.check_name(name)
    except second_reader.RefusedBy:
        return False
    return True


@given(_NAMES)
@example("a" * 5000 + "\u0301")
@example("CON" + "." * 300)
@modest
def test_a_cleaned_name_is_a_name_and_stays_as_it_is(name: str) -> None:
    """Cleaning leads to a name that every reader takes, and cleaning that changes nothing."""
    cleaned = clean_name(name)
    check_name(cleaned)
    second_reader.check_name(cleaned)
    assert clean_name(cleaned) == cleaned


@given(_NAMES)
@modest
def test_a_name_that_a_reader_takes_is_not_changed(name: str) -> None:
    """Cleaning changes nothing without need, and both readers agree on what is a name."""
    assert _is_name(name) == _is_name_to_the_second_reader(name)
    if _is_name(name):
        assert clean_name(name) == name


@given(
    st.lists(st.one_of(_NAMES, st.sampled_from(["a.txt", "A.txt", "a (2).txt", "x" * 255, "\xdf", "ss"])), max_size=9)
)
@modest
def test_no_two_names_of_a_drop_are_the_same(names: list[str]) -> None:
    """After folding, all names of a drop differ, and each of them is a name."""
    cleaner = NameCleaner()
    written = [cleaner.add(name) for name in names]
    assert len({folded(name) for name in written}) == len(names)
    assert all(map(_is_name, written))


def test_folding_needs_no_table_but_that_of_upper_and_lower_case() -> None:
    """The recipe of the specification for where no case folding is at hand tells the same characters apart."""
    by_folding: dict[str, set[str]] = {}
    by_recipe: dict[str, set[str]] = {}
    for code in (*range(0xD800), *range(0xE000, 0x20000)):
        one = chr(code)
        recipe = one if one == "\u0131" else one.lower().upper().lower()
        by_folding.setdefault(folded(one), set()).add(one)
        by_recipe.setdefault(unicodedata.normalize("NFC", recipe), set()).add(one)
    assert sorted(by_folding.values(), key=min) == sorted(by_recipe.values(), key=min)


def test_hostile_names_take_no_time() -> None:
    """Neither a megabyte of combining marks nor ten thousand files of one name take quadratic time."""
    start = perf_counter()
    clean_name("a" + "\u0323\u0301" * 500_000)
    cleaner = NameCleaner()
    assert len({cleaner.add("x" * 255) for _ in range(10_000)}) == 10_000
    assert perf_counter() - start < 5
