"""Uploads and downloads, service and floor in turns."""

import statistics
from collections import defaultdict
from pathlib import Path

from benchmarks import GIB, MIB
from benchmarks.client import Client
from benchmarks.report import Row, Target, in_words, medians, megabytes
from benchmarks.servers import Floor, Service

UP = "Upload, from the first body byte to the answer; the passwords were hashed before it"
UP_LESS = "Upload, whole request less one of a single byte"
DOWN = "Download, from the first body byte to the last"
TOTALS = "Whole requests, hashing included"
CPU = "Processor time of the server, hashing included"
_FORM_SIZE = 256 * MIB
UP_TARGET, DOWN_TARGET = 0.85, 0.75
_SHORT = 8 * MIB
"""Transfers shorter than this are repeated within a round, and are held to no target."""
_REPEATS = 7
"""How often, unless there is but one round, which is a trial of the program and not of speed."""

Samples = dict[tuple[str, str, int], list[float]]


class Rounds:
    """Collects samples of one server: `(what, server's name, size)` to a list.

    The service hashes the passwords when it has the head of an upload, before it reads the body. So an upload is
    measured twice: once in one go, and once with a pause between head and body in which the hashing is done, so that
    the time from the first body byte on is the transfer's alone. The floor is treated in the very same way.
    """

    def __init__(self, samples: Samples, client: Client, pause: float) -> None:
        self._samples = samples
        self._client = client
        self._pause = pause

    def run(self, server: Floor | Service, size: int) -> None:
        """Upload twice, download once, and delete."""
        fixed, stored = server.upload(self._client, 1)
        server.delete(self._client, stored)
        paused, stored = server.upload(self._client, size, self._pause)
        server.delete(self._client, stored)
        before = server.cpu_seconds()
        whole, stored = server.upload(self._client, size)
        between = server.cpu_seconds()
        down = server.download(self._client, stored)
        after = server.cpu_seconds()
        server.delete(self._client, stored)
        self._add("up", server, size, megabytes(size, paused.answered))
        self._add("up fixed", server, size, fixed.answered)
        self._add("up total", server, size, whole.answered)
        self._add("down", server, size, megabytes(size, down.last))
        self._add("down total", server, size, down.answered)
        self._add("up cpu", server, size, (between - before) * GIB / size)
        self._add("down cpu", server, size, (after - between) * GIB / size)

    def run_form(self, server: Service, size: int) -> None:
        """Upload by form, and delete."""
        answer, stored = server.upload_form(self._client, size, self._pause)
        server.delete(self._client, stored)
        self._add("form", server, size, megabytes(size, answer.answered))

    def _add(self, what: str, server: Floor | Service, size: int, value: float) -> None:
        self._samples[what, server.name, size].append(value)


def measure(client: Client, folder: Path, sizes: list[int], rounds: int) -> list[Row]:
    """The rows for these sizes, and for the form at 256 MiB or the largest size below."""
    form_size = max((size for size in sizes if size <= _FORM_SIZE), default=sizes[0])
    samples: Samples = defaultdict(list)
    with Floor(folder / "floor") as floor, Service(folder / "service") as service:
        _touch(folder, 3 * max(sizes))
        pause = _long_enough_to_hash(client, service)
        # The first round is not counted: pages that are touched for the first time halve a run.
        for number in range(rounds + 1):
            kept = Rounds(samples if number else defaultdict(list), client, pause)
            servers: list[Floor | Service] = [floor, service]
            for size in sizes:
                for _ in range(_REPEATS if size < _SHORT and rounds > 1 else 1):
                    for server in servers if number % 2 else reversed(servers):
                        kept.run(server, size)
            kept.run_form(service, form_size)
    return _rows(samples, sizes, form_size)


def _rows(samples: Samples, sizes: list[int], form_size: int) -> list[Row]:
    def both(what: str, size: int) -> tuple[list[float], list[float]]:
        return samples[what, "service", size], samples[what, "floor", size]

    rows = [medians(UP, in_words(size), "MB/s", *both("up", size), target=_least(UP_TARGET, size)) for size in sizes]
    form = samples["form", "service", form_size]
    words = f"{in_words(form_size)} by form (floor: by PUT)"
    rows.append(medians(UP, words, "MB/s", form, samples["up", "floor", form_size]))
    # The difference of two whole requests says nothing about a transfer that is shorter than their own scatter.
    long = [size for size in sizes if size >= _SHORT]
    for size in long:
        service, floor = (
            megabytes(size, statistics.median(totals) - statistics.median(fixed))
            for totals, fixed in zip(both("up total", size), both("up fixed", size), strict=True)
        )
        rows.append(Row(UP_LESS, in_words(size), "MB/s", service, floor))
    rows += [
        medians(DOWN, in_words(size), "MB/s", *both("down", size), target=_least(DOWN_TARGET, size)) for size in sizes
    ]
    rows += [medians(TOTALS, f"upload, {in_words(size)}", "s", *both("up total", size)) for size in sizes]
    rows += [medians(TOTALS, f"download, {in_words(size)}", "s", *both("down total", size)) for size in sizes]
    # The clock that counts processor time ticks too slowly for short transfers.
    rows += [medians(CPU, f"upload, {in_words(size)}", "s/GiB", *both("up cpu", size)) for size in long]
    rows += [medians(CPU, f"download, {in_words(size)}", "s/GiB", *both("down cpu", size)) for size in long]
    return rows


def _least(bound: float, size: int) -> Target | None:
    """What is asked of a transfer that is long enough for its speed to be a matter of copying."""
    return Target(bound, at_most=False) if size >= _SHORT else None


def _long_enough_to_hash(client: Client, service: Service) -> float:
    """Seconds in which the passwords have been hashed for sure."""
    slowest = 0.0
    for _ in range(3):
        answer, stored = service.upload(client, 1)
        service.delete(client, stored)
        slowest = max(slowest, answer.answered)
    return 2 * slowest + 0.1


def _touch(folder: Path, size: int) -> None:
    """Write and delete a file, so that the machine's memory is really there."""
    piece = bytes(MIB)
    file = folder / "touched"
    with file.open("wb", buffering=0) as stream:
        for _ in range(0, size, MIB):
            stream.write(piece)
    file.unlink()
