"""Owns the rows a second of `python -m score` by itself and by the tasks of a Ray cluster of one and two processors."""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.campaigns.scoring.__main__ import PLACE, make_table
from tests.conftest import ROOT
from tests.support.ray.cluster import cluster

ROWS, PART_ROWS, ROUNDS = 6_000_000, 250_000, 2


def scored(table: Path, out: Path, *more: str, address: str = "") -> tuple[float, float]:
    """Rows a second by the command's last line, which leaves out its start; and processor seconds of its process."""
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "score", str(table), str(out), "--models", str(ROOT / "examples" / "models")]
    command += ["--model", "churn", "--key", "id", "--part-rows", str(PART_ROWS), *more]
    before = os.times()
    environment = {**os.environ, "RAY_ADDRESS": address} if address else dict(os.environ)
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    after = os.times()
    (rate,) = re.findall(r"([\d,]+) rows/s", done.stdout)
    own = after.children_user + after.children_system - before.children_user - before.children_system
    return float(rate.replace(",", "")), own


def line(name: str, figures: Sequence[tuple[float, float]]) -> str:
    """What is told of one way: medians."""
    rate, own = (statistics.median(values) for values in zip(*figures, strict=True))
    return f"{name:36} {rate:9,.0f} rows/s  {own:5.1f} s of processor time of the command itself"


def measure_scoring() -> Iterator[str]:
    """Yields a line for each way."""
    PLACE.mkdir(parents=True, exist_ok=True)
    table, out = PLACE / f"rows-{ROWS}.parquet", PLACE / "onray"
    if not table.exists():
        make_table(ROWS, table)
    for cpus in (1, 2):
        with cluster() as nodes:
            for _ in range(cpus):
                nodes.add()
            here: list[tuple[float, float]] = []
            there: list[tuple[float, float]] = []
            for _ in range(ROUNDS):
                here.append(scored(table, out))
                there.append(scored(table, out, "--engine", "ray", address=nodes.address))
            yield line("by itself", here)
            yield line(f"tasks on {cpus} node{'s'[: cpus - 1]} of one processor", there)
