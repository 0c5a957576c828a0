"""Owns what one scoring is asked for. Knows no table and no model, and needs nothing that is to be installed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SUFFIXES = (".parquet", ".csv")  # of tables
EngineName = Literal["local", "ray"]


@dataclass(frozen=True, slots=True)
class Job:
    """What is scored by which model, and where the answers go: a file, or a folder that is filled in parts.

    ``engine``: who does it, this process or the tasks of a Ray cluster.
    """

    source: str
    out: Path
    models: Path
    model: str | None
    version: str | None
    keys: tuple[str, ...]
    probabilities: bool
    part_rows: int
    threads: int
    replace: bool
    engine: EngineName = "local"
