"""Owns which versions are quarantined, and why, in shared memory made before the fork. Knows no processes and no HTTP.

A version is quarantined after STRIKES runs that had to be stopped, or after CRASHES runs that ended their worker.
Any process notes both and any process may lift; each write is a single cell. Of two that are noted in the same moment
one may be lost, so that the quarantine comes one later. What retiring workers note of a file is not held against the
one that took its place. docs/decisions.md: "A model that does not end is quarantined".
"""

from __future__ import annotations

import mmap

STRIKES, STRIKE_SECONDS = 3, 3600.0  # so many within so long
CRASHES, CRASH_SECONDS = 2, 60.0
_SERVES, _OUTLASTED, _CRASHED = 0.0, 1.0, 2.0
_STATE = 0
_STRIKE_CELLS = range(1, 1 + STRIKES)
_CRASH_CELLS = range(1 + STRIKES, 1 + STRIKES + CRASHES)
_FILE = 1 + STRIKES + CRASHES  # the number of the version's present file
_CELLS = _FILE + 1
_CELL_BYTES = 8

_ENDS = "it serves again after a load call, SIGHUP or another file"
REASONS = {
    _OUTLASTED: f"quarantined: {STRIKES} of its runs outlasted the deadline; {_ENDS}",
    _CRASHED: f"quarantined: {CRASHES} of its runs within {CRASH_SECONDS:.0f} s crashed their worker; {_ENDS}",
}


class Record:
    """What is held against one version, for its present file. Times are seconds of the monotonic clock.

    It is shared by processes. Once another file has the version, this record notes nothing any more.
    """

    def __init__(self, cells: memoryview[float]) -> None:
        self.cells = cells  # the first is 0 unless the version is quarantined: for who looks at it often
        self._file = cells[_FILE]

    @property
    def reason(self) -> str | None:
        """Why the version is quarantined; None while it is not."""
        return REASONS.get(self.cells[_STATE])

    def strike(self, now: float) -> int:
        """Notes a run that had to be stopped; returns how many count now, and quarantines with STRIKES."""
        return self._note(_STRIKE_CELLS, now, STRIKE_SECONDS, _OUTLASTED)

    def crash(self, now: float) -> int:
        """Notes a run that ended its worker; returns how many count now, and quarantines with CRASHES."""
        return self._note(_CRASH_CELLS, now, CRASH_SECONDS, _CRASHED)

    def lift(self) -> None:
        """Forgets all that was noted."""
        for cell in range(_FILE):
            self.cells[cell] = 0.0

    def renew(self) -> None:
        """Forgets all that was noted, and all that will be by records made before: the version has another file."""
        self.cells[_FILE] += 1.0
        self._file = self.cells[_FILE]
        self.lift()

    def _note(self, among: range, now: float, seconds: float, state: float) -> int:
        cells = self.cells
        if cells[_FILE] != self._file:
            return 0
        cells[min(among, key=lambda cell: cells[cell])] = now  # the oldest is forgotten
        counted = sum(1 for cell in among if cells[cell] and now - cells[cell] <= seconds)
        if counted == len(among) and cells[_STATE] == _SERVES:
            cells[_STATE] = state
        return counted


class Quarantine:
    """The records of so many blocks of the scoreboard: one per version served."""

    def __init__(self, blocks: int) -> None:
        self._cells = memoryview(mmap.mmap(-1, max(blocks, 1) * _CELLS * _CELL_BYTES)).cast("d")

    def record(self, block: int) -> Record:
        """The record of a version, by its block of the scoreboard."""
        return Record(self._cells[block * _CELLS : (block + 1) * _CELLS])
