"""The lists of requirements agree with one another, and the locks are locks."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("serve", "test", "train")


def read_project() -> dict[str, Any]:
    """The project's own table of pyproject.toml."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project


def names_and_bounds(lines: list[str]) -> dict[str, str]:
    """Requirements by normalised name, without comments."""
    found = (re.match(r"([A-Za-z0-9._-]+)(\S*)", line) for line in lines)
    return {re.sub(r"[-_.]+", "-", match[1]).lower(): match[2] for match in found if match}


def read_lock(name: str) -> list[str]:
    """The requirements of a lock, each with its continuation lines joined."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    bare = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)
    return [line for line in bare.replace("\\\n", " ").splitlines() if line.strip()]


def pins(name: str) -> set[str]:
    """What a lock pins: name, version and marker, without hashes."""
    return {requirement.partition(" --hash")[0].strip() for requirement in read_lock(name)}


def package_names(name: str) -> set[str]:
    """The names of the packages in a lock."""
    return {pin.partition("==")[0] for pin in pins(name)}


def read_named() -> dict[str, str]:
    """Everything that requirements.txt names."""
    return names_and_bounds((ROOT / "requirements.txt").read_text().splitlines())


def test_every_dependency_is_named() -> None:
    """requirements.txt names every dependency of pyproject.toml, with the same lower bound."""
    project = read_project()
    declared = list(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        declared += extra
    named = read_named()
    assert {name: named.get(name) for name in names_and_bounds(declared)} == names_and_bounds(declared)


@pytest.mark.parametrize(
    "name",
    ["flask", "pymongo", "azure-storage-blob", "cryptography", "argon2-cffi", "tensorflow", "gunicorn", "pytest"],
)
def test_the_parts_are_named(name: str) -> None:
    """Whoever reads requirements.txt sees all that the project is built on, the parts with locks of their own too."""
    assert read_named()[name].startswith(">=")


@pytest.mark.parametrize("name", LOCKS)
def test_every_requirement_is_pinned_and_hashed(name: str) -> None:
    """Each entry of a lock has an exact version and at least one SHA-256."""
    requirements = read_lock(name)
    assert requirements
    for requirement in requirements:
        assert re.match(r"[a-z0-9._-]+==[^\s;]+ ", requirement), requirement
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", requirement), requirement


@pytest.mark.parametrize("name", LOCKS)
def test_no_address_or_path_in_a_lock(name: str) -> None:
    """A lock says what, not from where: no registry, no link, no path of the machine that made it."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host| @ |(^|\s)[/~]\w", text)


def test_serving_needs_neither_training_nor_tests() -> None:
    """What serves has no TensorFlow, no test tool and no linter."""
    extras = read_project()["optional-dependencies"]
    unwanted = names_and_bounds([*extras["test"], *extras["lint"]]).keys() | {"tensorflow", "keras", "numpy"}
    assert not package_names("serve") & unwanted
    assert "tensorflow" not in package_names("test")


def test_the_test_lock_holds_the_serving_lock() -> None:
    """What is tested is, version by version, what serves; so one environment does for both."""
    assert pins("serve") <= pins("test")


@pytest.mark.parametrize(("name", "extras"), [("serve", []), ("test", ["test", "lint"])])
def test_locks_cover_the_project(name: str, extras: list[str]) -> None:
    """Each direct dependency is in its lock: nobody added one and forgot `make lock`."""
    project = read_project()
    direct = list(project["dependencies"])
    for extra in extras:
        direct += project["optional-dependencies"][extra]
    assert names_and_bounds(direct).keys() <= package_names(name)
