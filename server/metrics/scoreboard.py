"""Owns the metrics of all processes, in one anonymous shared mapping made before the fork. Knows no requests.

A line per process; in it a block per model version; in it a cell per number. A process writes its own line without a
lock; a reader sums the lines that somebody has entered. A new worker reuses the line of a dead one, so that counters
never decrease and memory does not grow with restarts. docs/decisions.md: "Metrics stand in shared memory, their text
is ours".
"""

from __future__ import annotations

import mmap
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from server.metrics.families import MODEL_FAMILIES
from server.metrics.layout import (
    CELLS_OF,
    LAST_RUN,
    LEAVING,
    MODEL_CELLS,
    MODEL_OFFSETS,
    RUNNING,
    SERVER_CELLS,
    SERVER_GAUGES,
    SERVER_OFFSETS,
    SERVING,
    STARTING,
    STATE,
    STUCK,
)

CELL_BYTES = 8
# Most lines are never touched: without the last, Linux refuses a mapping that is larger than a small machine's memory.
_FLAGS = mmap.MAP_SHARED | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0)
Numbers = np.ndarray[Any, np.dtype[np.float64]]
ARBITER_LINE = 0  # of the process that forks the others


class BlockTotals:
    """The cells of one block, each summed over all lines."""

    __slots__ = ("_cells",)

    def __init__(self, cells: list[float]) -> None:
        self._cells = cells

    def of(self, family: str) -> list[float]:
        """The cells of one family."""
        start = MODEL_OFFSETS[family]
        return self._cells[start : start + CELLS_OF[family]]

    @property
    def last_run(self) -> float:
        """The end of the version's last run, in seconds of the monotonic clock; 0 before the first."""
        return self._cells[LAST_RUN]


class Scoreboard:
    """The shared memory: ``lines`` lines, each with the server's cells and then ``models`` blocks.

    Before them stands a flag per line, 1 once somebody has entered it: the pages of other lines are never touched, as
    even reading a page of shared memory takes one.
    """

    def __init__(self, lines: int, models: int) -> None:
        self.models = models
        self._width = SERVER_CELLS + models * MODEL_CELLS
        memory = mmap.mmap(-1, lines * (1 + self._width) * CELL_BYTES, flags=_FLAGS)
        self._cells = memoryview(memory).cast("d")[lines:]
        numbers = np.frombuffer(memory)
        self._entered = numbers[:lines]
        self._table = numbers[lines:].reshape(lines, self._width)
        self._blocks: dict[tuple[str, str], int] = {}
        self._free = deque(range(models))

    def assign(self, model: str, version: str) -> int:
        """Returns the block of a model version, a free one for a new version. Raises as `assign_all` does."""
        self.assign_all([(model, version)])
        return self._blocks[model, version]

    def assign_all(self, versions: Collection[tuple[str, str]]) -> None:
        """Gives each new version a free block. Called before the fork only.

        Raises ValueError when there are too few; then none has got one.
        """
        new = [version for version in dict.fromkeys(versions) if version not in self._blocks]
        if len(new) > len(self._free):
            raise ValueError(f"more than {self.models} model versions cannot be served at a time")
        for version in new:
            self._blocks[version] = self._free.popleft()

    @property
    def blocks(self) -> Mapping[tuple[str, str], int]:
        """The number of each version's block, by model name and version."""
        return self._blocks

    def keep(self, versions: Collection[tuple[str, str]]) -> None:
        """Clears and frees the blocks of all other versions. Called before the fork only."""
        for gone in self._blocks.keys() - set(versions):
            block = self._blocks.pop(gone)
            start = SERVER_CELLS + block * MODEL_CELLS
            for number in self._entered_lines():
                self._table[number, start : start + MODEL_CELLS] = 0.0
            self._free.append(block)  # reused last: a worker may still show it under its old name

    def line(self, number: int) -> memoryview[float]:
        """The cells of one line."""
        return self._cells[number * self._width : (number + 1) * self._width]

    def enter(self, number: int) -> memoryview[float]:
        """The cells of a line that is written from now on, and so read."""
        self._entered[number] = 1.0
        return self.line(number)

    def begin_serving(self, number: int) -> None:
        """Called by a worker once it accepts; the arbiter then retires the workers it replaces."""
        self.line(number)[STATE] = SERVING

    def end_serving(self, number: int) -> None:
        """Called by a worker that has stopped accepting."""
        self.line(number)[STATE] = LEAVING

    def report_stuck(self, number: int) -> None:
        """Called by a worker with a run that does not end; it accepts until the arbiter has replaced it."""
        line = self.line(number)
        if line[STATE] == SERVING:
            line[STATE] = STUCK

    def is_stuck(self, number: int) -> bool:
        """Whether the line's worker asks to be replaced."""
        return self.line(number)[STATE] == STUCK

    def serves(self, number: int) -> bool:
        """Whether the line's worker accepts connections."""
        return self.line(number)[STATE] in (SERVING, STUCK)

    def connections_beside(self, but: int) -> list[float]:
        """The open connections of each worker that accepts, line ``but`` apart."""
        at = SERVER_OFFSETS["dynonnx_connections"]
        others = (self.line(number) for number in self._entered_lines().tolist() if number != but)
        return [line[at] for line in others if line[STATE] == SERVING]

    def has_served(self, number: int) -> bool:
        """Whether the line's worker has ever accepted connections."""
        return self.line(number)[STATE] != STARTING

    def clear_gauges(self, number: int) -> None:
        """Clears the gauges and the state of a dead worker's line; its counters stay."""
        line = self.enter(number)
        line[STATE] = STARTING
        for at in SERVER_GAUGES:
            line[at] = 0.0
        for block in self._blocks.values():
            line[SERVER_CELLS + block * MODEL_CELLS + RUNNING] = 0.0
            for family in MODEL_FAMILIES:
                if family.kind == "gauge":
                    line[SERVER_CELLS + block * MODEL_CELLS + MODEL_OFFSETS[family.name]] = 0.0

    def running(self, number: int, before: float = float("inf")) -> list[tuple[str, str]]:
        """The models and versions whose runs go on in the line's worker since ``before``, the latest begun first."""
        line = self.line(number)
        begun = {key: line[SERVER_CELLS + block * MODEL_CELLS + RUNNING] for key, block in self._blocks.items()}
        going_on = [key for key in begun if 0.0 < begun[key] < before]
        return sorted(going_on, key=lambda key: -begun[key])

    def totals(self, block: int, family: str) -> list[float]:
        """The cells of a family in one block, each summed over all lines."""
        return self.block_totals([block])[0].of(family)

    def block_totals(self, blocks: Sequence[int]) -> list[BlockTotals]:
        """The totals of these blocks."""
        return [BlockTotals(cells) for cells in self.sums(blocks).tolist()]

    def totals_of_asked(self) -> dict[tuple[str, str], BlockTotals]:
        """The totals of the versions for which anything was ever counted, by model name and version."""
        sums = self.sums(list(self._blocks.values()))
        asked = np.flatnonzero(sums.any(axis=1))
        versions = list(self._blocks)
        return {
            versions[at]: BlockTotals(cells) for at, cells in zip(asked.tolist(), sums[asked].tolist(), strict=True)
        }

    def sums(self, blocks: Sequence[int]) -> Numbers:
        """``[blocks, MODEL_CELLS]``: the cells of these blocks, each summed over all lines; the end of the last run."""
        sums = np.zeros((len(blocks), MODEL_CELLS))
        last_run = np.zeros(len(blocks))
        for number in self._entered_lines():
            cells = self._table[number, SERVER_CELLS:].reshape(self.models, MODEL_CELLS)[list(blocks)]
            sums += cells
            np.maximum(last_run, cells[:, LAST_RUN], out=last_run)
        sums[:, LAST_RUN] = last_run
        return sums

    def serving(self) -> int:
        """How many lines have a worker that accepts connections."""
        return sum(map(self.serves, self._entered_lines().tolist()))

    def server_sums(self) -> Numbers:
        """``[SERVER_CELLS]``: the server's own cells, each summed over all lines."""
        sums: Numbers = self._table[self._entered_lines(), :SERVER_CELLS].sum(axis=0)
        return sums

    def server_totals(self, family: str) -> list[float]:
        """The cells of one of the server's own families, each summed over all lines."""
        start = SERVER_OFFSETS[family]
        cells: list[float] = self._table[self._entered_lines(), start : start + CELLS_OF[family]].sum(axis=0).tolist()
        return cells

    def _entered_lines(self) -> np.ndarray[Any, np.dtype[np.intp]]:
        return np.flatnonzero(self._entered)
