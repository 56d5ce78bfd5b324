"""Files of every awkward size go through every way in and out, and are stored at exactly the padded length."""

import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from dropbox_app.container.padding import container_length, padded_length
from dropbox_app.container.sealing import open_container
from tests.service.server import Service
from tests.service.visitor import WAYS, Way, fetch, leave

CHUNK = 16 * 2**10
BLOCK = 4 * 2**20


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, BLOCK - 1, BLOCK, BLOCK + 1])
def test_every_way_in_and_out(service: Service, size: int) -> None:
    """Left by PUT with a length, by PUT in chunks and by the form, a file comes back by its page and as typed.

    What is stored is one container of exactly the length that follows from the contents, and it opens by itself.
    """
    content = os.urandom(size)
    described = {"files": [{"name": "a.bin", "size": size, "type": "application/octet-stream"}]}
    metadata = json.dumps(described, sort_keys=True, separators=(",", ":"))

    def go_round(way: Way) -> None:
        drop = leave(service, content, way)
        stored = service.container(drop.file_id).read_bytes()
        assert len(stored) == container_length(padded_length(size + len(metadata) + 4)), way
        opened, contents = open_container(stored, *drop.passwords.values())
        assert contents == [content], way
        assert opened.encode().decode() == metadata, way
        answer = fetch(service, drop)
        assert (answer.status_code, answer.content == content) == (200, True), way
        assert answer.headers["Content-Length"] == str(size), way
        typed = drop.link if way == "form" else drop.file_id
        answer = requests.post(f"{service.url}/download", data={"file_id": typed, **drop.passwords}, timeout=60)
        assert (answer.status_code, answer.content == content) == (200, True), way

    with ThreadPoolExecutor() as pool:
        list(pool.map(go_round, WAYS))
    assert service.unfinished() == []
