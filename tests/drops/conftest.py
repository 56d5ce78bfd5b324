"""One world for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drops.world import World, open_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Real stores in an empty folder, and a clock that stands still."""
    opened = open_world(tmp_path)
    yield opened
    opened.close()
