"""The benchmarks run; how fast anything is, is not judged here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.report import Row, Target, medians, table

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("part", ["transfers", "landing", "container"])
def test_a_part_can_be_measured(part: str, tmp_path: Path) -> None:
    """One round of a tiny size starts both servers, ends them, leaves no file behind and writes its numbers."""
    out = tmp_path / "numbers.json"
    data = tmp_path / "data"
    command = [sys.executable, "-m", "benchmarks", "--sizes", "1", "--rounds", "1", "--seconds", "0.2"]
    command += ["--only", part, "--data-dir", str(data), "--out", str(out)]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert answer.returncode == 0, answer.stderr
    result = json.loads(out.read_text())
    assert result["machine"]["cores"] >= 1
    assert all(row["service"] > 0 and row["floor"] > 0 for row in result["rows"])
    assert list(data.iterdir()) == []


def test_a_target_is_met_or_not() -> None:
    """A ratio and a difference are held to their bounds, in either direction."""
    ratio = medians("part", "what", "MB/s", [80.0, 90.0, 100.0], [100.0], target=Target(0.85, at_most=False))
    difference = Row("part", "what", "ms", 150, 120, compare="difference", target=Target(20))
    assert (ratio.compared, ratio.met) == (0.9, True)
    assert (difference.compared, difference.met) == (30, False)
    assert "NOT MET" in table([difference])
