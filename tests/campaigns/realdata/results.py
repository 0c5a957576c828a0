"""Owns the outcomes that are measured: a line for each cell in a file, so that a broken run goes on.

Knows nothing of how cells are measured.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.campaigns.coverage.measure import Outcome

SETTLED = ("agrees", "refused", "not fitted")


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the table and how it ended."""

    task: str
    set: str
    kind: str
    outcome: Outcome


class Results:
    """The cells of a file; the last line of a cell counts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cells: dict[tuple[str, str], Cell] = {}
        for line in path.read_text().splitlines() if path.exists() else ():
            values = json.loads(line)
            self._keep(Cell(**{**values, "outcome": Outcome(**values["outcome"])}))

    def add(self, cell: Cell) -> None:
        """Keeps a cell, in the file at once."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a") as file:
            file.write(json.dumps(asdict(cell)) + "\n")
        self._keep(cell)

    def is_settled(self, name: str, kind: str) -> bool:
        """Whether this cell need not be measured again: what differs or breaks may have been mended."""
        cell = self._cells.get((name, kind))
        return cell is not None and cell.outcome.status in SETTLED

    def cells(self) -> list[Cell]:
        """All of them, as first measured."""
        return list(self._cells.values())

    def _keep(self, cell: Cell) -> None:
        self._cells[cell.set, cell.kind] = cell
