"""What the smallest requests take beside the hashes that they cannot do without."""

import secrets
import time
from pathlib import Path

from argon2.low_level import Type, hash_secret_raw

from benchmarks.client import Client
from benchmarks.report import Row, Target, medians
from benchmarks.servers import Service

PART = "Hashing (floor: the bare hashes, in process)"
_MOST_OVERHEAD = 20.0
"""Milliseconds."""
_PER_ROUND = 5
_LARGE = (3, 64 * 1024)
_SMALL = (1, 1024)


def _hashes(*costs: tuple[int, int]) -> float:
    """Milliseconds that these Argon2id hashes take, one after another."""
    start = time.perf_counter()
    for passes, memory in costs:
        secret, salt = secrets.token_bytes(40), secrets.token_bytes(16)
        hash_secret_raw(secret, salt, passes, memory, 1, 64, Type.ID)
    return 1000 * (time.perf_counter() - start)


def measure(client: Client, folder: Path, rounds: int) -> list[Row]:
    """An upload stretches the passwords and hashes proof and owner token; a download stretches and verifies one."""
    times: dict[str, list[float]] = {"up": [], "up bare": [], "down": [], "down bare": []}
    with Service(folder / "hashing") as service:
        for number in range((rounds + 1) * _PER_ROUND):
            bare = _hashes(_LARGE, _SMALL, _SMALL), _hashes(_LARGE, _SMALL)
            up, stored = service.upload(client, 1)
            down = service.download(client, stored)
            service.delete(client, stored)
            if number >= _PER_ROUND:
                times["up bare"].append(bare[0])
                times["down bare"].append(bare[1])
                times["up"].append(1000 * up.answered)
                times["down"].append(1000 * down.first)
    more = {"compare": "difference", "target": Target(_MOST_OVERHEAD)}
    return [
        medians(PART, "upload of one byte, to the answer", "ms", times["up"], times["up bare"], **more),
        medians(PART, "download, to the first byte", "ms", times["down"], times["down bare"], **more),
    ]
