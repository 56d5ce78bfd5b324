"""Peak memory: a large transfer beside a small one, and a hundred claims beside two."""

import statistics
from collections import Counter
from pathlib import Path
from urllib.parse import urlencode

from benchmarks import MIB
from benchmarks.client import Client
from benchmarks.memory import Peak, Sampler
from benchmarks.report import Row, Target, in_words
from benchmarks.servers import FORM_PASSWORDS, URLENCODED, Floor, Service

TRANSFER_PART = "Growth of peak memory with the size"
CLAIM_PART = "Peak memory of parallel claims"
_MOST_GROWTH = 32.0
_MOST_FOR_CLAIMS = 16.0
"""MiB."""


def _transfer(client: Client, folder: Path, kind: type[Floor | Service], size: int) -> tuple[Peak, Peak]:
    """Peaks of an upload and of a download, each by a server that has done nothing else before."""
    with kind(folder) as server, Sampler(server) as up:
        _, stored = server.upload(client, size)
    with kind(folder) as server:
        with Sampler(server) as down:
            server.download(client, stored)
        server.delete(client, stored)
    return up.peak, down.peak


def measure_transfers(client: Client, folder: Path, sizes: list[int], rounds: int) -> list[Row]:
    """How much more the largest transfer takes than the smallest."""
    small, large = min(sizes), max(sizes)
    peaks: dict[tuple[str, str, int], list[Peak]] = {}
    for _ in range(rounds):
        for kind in (Floor, Service):
            for size in (small, large):
                both = _transfer(client, folder / f"peaks-{kind.name}", kind, size)
                for way, peak in zip(("upload", "download"), both, strict=True):
                    peaks.setdefault((kind.name, way, size), []).append(peak)
    rows = []
    for way in ("upload", "download"):
        for measure, words, target in (("pss", "", Target(_MOST_GROWTH)), ("high_water", ", sum of high waters", None)):
            levels = {
                (name, size): statistics.median(getattr(peak, measure) / MIB for peak in peaks[name, way, size])
                for name in ("service", "floor")
                for size in (small, large)
            }
            for size in (small, large) if measure == "pss" else ():
                what, service, floor = f"{way}, {in_words(size)}, peak", levels["service", size], levels["floor", size]
                rows.append(Row(TRANSFER_PART, what, "MiB", service, floor, compare="none"))
            service, floor = (levels[name, large] - levels[name, small] for name in ("service", "floor"))
            what = f"{way}, growth{words}"
            rows.append(Row(TRANSFER_PART, what, "MiB", service, floor, compare="none", target=target))
    return rows


def _claims(client: Client, folder: Path, count: int) -> tuple[Peak, dict[str, int]]:
    with Service(folder) as service:
        _, stored = service.upload(client, 1000)
        # Both workers have hashed before, so that what is compared is the number at once, not the first time.
        body = urlencode(FORM_PASSWORDS)
        job = {"port": service.port, "path": f"/d/{stored.name}", "headers": URLENCODED, "body": body}
        client.ask("many", **job, count=2)
        with Sampler(service) as sampler:
            statuses = client.ask("many", **job, count=count)
        service.delete(client, stored)
    return sampler.peak, statuses


def measure_claims(client: Client, folder: Path, rounds: int, many: int = 100) -> list[Row]:
    """How much more a hundred claims at once take than two, and what they are answered."""
    peaks: dict[int, list[float]] = {2: [], many: []}
    answers: Counter[str] = Counter()
    for _ in range(rounds):
        for count, found in peaks.items():
            peak, statuses = _claims(client, folder / "claims", count)
            found.append(peak.pss / MIB)
            if count == many:
                answers.update(statuses)
    few, most = statistics.median(peaks[2]), statistics.median(peaks[many])
    rows = [
        Row(
            CLAIM_PART,
            f"{many} at once (floor: 2 at once)",
            "MiB",
            most,
            few,
            compare="difference",
            target=Target(_MOST_FOR_CLAIMS),
            samples={"many": peaks[many], "two": peaks[2]},
        )
    ]
    rows += [
        Row(CLAIM_PART, f"answered {status}, of {many * rounds}", "claims", count)
        for status, count in sorted(answers.items())
    ]
    return rows
