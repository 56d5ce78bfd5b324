"""``python -m benchmarks``: measure everything in one run, print a table and keep the numbers as JSON."""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import GIB, MIB, hashing, in_memory, landing, machine, peaks, transfers
from benchmarks.client import Client
from benchmarks.report import Row, table

_PARTS = ("transfers", "hashing", "memory", "container", "landing", "claims")
_Parts = dict[str, Callable[[], list[Row]]]
_BUSY = 0.3
"""Load for each core, before anything is started, from which on times are not to be relied on."""
_RESULTS = Path(__file__).parent / "results"


def _arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="1 and 64 MiB instead of 1, 256 and 1024, fewer rounds")
    parser.add_argument("--sizes", type=int, nargs="+", metavar="MIB", help="other sizes")
    parser.add_argument("--rounds", type=int, help="rounds that count (default 5; 3 with --quick)")
    parser.add_argument("--seconds", type=float, help="seconds of load a round on the front page (default 3)")
    parser.add_argument("--only", nargs="+", choices=_PARTS, default=_PARTS, help="only these parts")
    parser.add_argument("--data-dir", type=Path, help="folder to measure in (default: memory if it has room)")
    parser.add_argument("--out", type=Path, help="file for the numbers (default: a new one in benchmarks/results)")
    chosen = parser.parse_args(arguments)
    chosen.sizes = [size * MIB for size in chosen.sizes or ([1, 64] if chosen.quick else [1, 256, 1024])]
    chosen.rounds = chosen.rounds or (3 if chosen.quick else 5)
    chosen.seconds = chosen.seconds or (1.0 if chosen.quick else 3.0)
    return chosen


def _folder(chosen: Path | None, largest: int) -> Path:
    """A fresh folder: where it was asked for, in memory if there is room, else on the disk."""
    room = 6 * largest + GIB
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    if chosen is None and memory.is_dir() and shutil.disk_usage(memory).free > room:
        chosen = memory
    if chosen is not None:
        chosen.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="twinlock-benchmark-", dir=chosen))


def _stop(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


def _measure(chosen: argparse.Namespace, folder: Path) -> list[Row]:
    sizes: list[int] = chosen.sizes
    rounds: int = chosen.rounds
    rows: list[Row] = []
    with Client() as client:
        parts: _Parts = {
            "transfers": lambda: transfers.measure(client, folder, sizes, rounds),
            "hashing": lambda: hashing.measure(client, folder, rounds),
            "memory": lambda: peaks.measure_transfers(client, folder, sizes, min(rounds, 3)),
            "container": lambda: in_memory.measure(min(max(sizes), 256 * MIB), rounds),
            "landing": lambda: landing.measure(client, folder, rounds, chosen.seconds),
            "claims": lambda: peaks.measure_claims(client, folder, min(rounds, 3)),
        }
        for name, measure in parts.items():
            if name in chosen.only:
                sys.stderr.write(f"measuring: {name}\n")
                rows += measure()
    return rows


def main(arguments: list[str]) -> None:
    """Measure, print and keep."""
    chosen = _arguments(arguments)
    signal.signal(signal.SIGTERM, _stop)
    folder = _folder(chosen.data_dir, max(chosen.sizes))
    try:
        facts = machine.facts(folder)
        rows = _measure(chosen, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    facts["load_average_after"] = os.getloadavg()
    now = datetime.now(UTC)
    out: Path = chosen.out or _RESULTS / f"{now:%Y%m%dT%H%M%SZ}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    result = {"time": now.isoformat(timespec="seconds"), "rounds": chosen.rounds, "machine": facts}
    out.write_text(json.dumps(result | {"rows": [row.plain() for row in rows]}, indent=1) + "\n")
    sys.stdout.write(
        f"{facts['processor']}, {facts['cores']} cores, Linux {facts['kernel']}, Python {facts['python']}, "
        f"files on {facts['data_dir']['filesystem']}, {chosen.rounds} rounds, load {facts['load_average'][0]:.2f}\n\n"
        f"{table(rows)}\n\nThe numbers: {out}\n"
    )
    if facts["load_average"][0] > _BUSY * (facts["cores"] or 1):
        sys.stdout.write("The machine was busy with something else: do not rely on these times.\n")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
