"""What was measured, as a table to read and as JSON to keep."""

import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks import GIB, KIB, MIB


@dataclass(frozen=True)
class Target:
    """What a row's result is held to.

    Attributes:
        bound: The limit.
        at_most: Whether it is the most or the least that the result may be.
        alone: Whether the service's result itself is meant, and not the comparison.
    """

    bound: float
    at_most: bool = True
    alone: bool = False

    def met(self, value: float) -> bool:
        """Whether this result keeps within it."""
        return value <= self.bound if self.at_most else value >= self.bound


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        part: The part of the measurement it belongs to.
        what: What was measured.
        unit: The unit of `service` and `floor`.
        service: The service's result.
        floor: What it is compared with, if there is anything.
        compare: `ratio` (service / floor), `difference` (service - floor) or `none`.
        target: What the comparison, or the result itself, is held to.
        samples: The single results behind the medians, by name.
    """

    part: str
    what: str
    unit: str
    service: float
    floor: float | None = None
    compare: str = "ratio"
    target: Target | None = None
    samples: dict[str, list[float]] | None = None

    @property
    def compared(self) -> float | None:
        """The comparison's result."""
        if self.floor is None or self.compare == "none":
            return None
        if self.compare == "difference":
            return self.service - self.floor
        return self.service / self.floor if self.floor else None

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None if there is none."""
        if self.target is None:
            return None
        return self.target.met(self.service if self.compared is None or self.target.alone else self.compared)

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {name: value for name, value in asdict(self).items() if value is not None} | {
            "compared": self.compared,
            "met": self.met,
        }


def medians(part: str, what: str, unit: str, service: list[float], floor: list[float], **more: Any) -> Row:
    """A row of two medians, with the samples behind them."""
    samples = {"service": service, "floor": floor}
    return Row(part, what, unit, statistics.median(service), statistics.median(floor), samples=samples, **more)


def megabytes(size: int, seconds: float) -> float:
    """MB/s (10^6 bytes)."""
    return size / max(seconds, 1e-9) / 1e6


def in_words(size: int) -> str:
    """A size in binary units."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} B"


def table(rows: Iterable[Row]) -> str:
    """The rows, a part's under its name."""
    lines = [f"{'':44}{'service':>11}{'floor':>11}  {'unit':7}{'compared':>12}  target"]
    part = ""
    for row in rows:
        if row.part != part:
            part = row.part
            lines += ["", part]
        floor = "" if row.floor is None else _number(row.floor)
        compared = "" if row.compared is None else _number(row.compared)
        if row.compared is not None:
            compared = f"x {compared}" if row.compare == "ratio" else f"{row.compared:+.4g}"
        verdict = ""
        if row.target is not None:
            unit = f" {row.unit}" if row.target.alone else ""
            sign = "<=" if row.target.at_most else ">="
            verdict = f"{sign} {row.target.bound:g}{unit}: {'met' if row.met else 'NOT MET'}"
        lines.append(
            f"  {row.what:42}{_number(row.service):>11}{floor:>11}  {row.unit:7}{compared:>12}  {verdict}".rstrip()
        )
    return "\n".join(lines)


def _number(value: float) -> str:
    for bound, form in ((1000, ".0f"), (100, ".1f"), (1, ".2f")):
        if abs(value) >= bound:
            return format(value, form)
    return format(value, ".3f")
