"""One service for all tests that do not need their own."""

from collections.abc import Iterator

import pytest

from tests.service.server import Service, running


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with generous limits."""
    with running(tmp_path_factory.mktemp("service")) as started:
        yield started
