"""Peak memory of a server's processes while something is done to it."""

import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from benchmarks.servers import Server

_INTERVAL = 0.005


@dataclass(frozen=True)
class Peak:
    """Bytes.

    Attributes:
        pss: The most that all processes had together at one moment (shared pages counted once).
        high_water: Each process's own most, resident, added up: an upper bound that no sampling can miss.
    """

    pss: int
    high_water: int


class Sampler:
    """Samples a server's memory in a thread of this process while the block runs; then `peak` holds the result."""

    def __init__(self, server: Server) -> None:
        self._processes = server.processes()
        self._stop = threading.Event()
        self._highest = 0
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.peak = Peak(0, 0)

    def __enter__(self) -> Self:
        for process in self._processes:
            _forget_high_water(process)
        self._highest = self._proportional()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self.peak = Peak(self._highest, sum(_entry(process, "status", "VmHWM") for process in self._processes))

    def _sample(self) -> None:
        while not self._stop.is_set():
            self._highest = max(self._highest, self._proportional())
            time.sleep(_INTERVAL)

    def _proportional(self) -> int:
        return sum(_entry(process, "smaps_rollup", "Pss") for process in self._processes)


def _entry(process: psutil.Process, file: str, name: str) -> int:
    try:
        text = Path(f"/proc/{process.pid}/{file}").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _forget_high_water(process: psutil.Process) -> None:
    """Let the kernel count a process's peak from here on (proc(5), clear_refs)."""
    try:
        Path(f"/proc/{process.pid}/clear_refs").write_text("5")
    except OSError:
        return
