"""Owns which versions are quarantined, and why, in shared memory made before the fork. Knows no processes and no HTTP.

A version is quarantined after STRIKES runs that had to be stopped, or after CRASHES runs that ended their worker. Where
several ran nobody knows whose did, and each version is suspected; who is blamed for that is a guess, and given up:
docs/decisions.md, "Who ran alone has crashed", "A guess is given up".
Any process notes both and any process may lift; each write is a single cell. Of two that are noted in the same moment
one may be lost, so that the quarantine comes one later. What retiring workers note of a file is not held against the
one that took its place. docs/decisions.md: "A model that does not end is quarantined".
"""

from __future__ import annotations

import mmap

STRIKES, STRIKE_SECONDS = 3, 3600.0  # so many within so long
CRASHES, CRASH_SECONDS = 2, 60.0
SUSPICIONS = 4  # within CRASH_SECONDS: the worker shall not end for ever, whoever ends it
BLAME_SECONDS = 600.0  # after which a guess is given up: whoever it was may have stopped
_SERVES, _OUTLASTED, _CRASHED, _BLAMED = 0.0, 1.0, 2.0, 3.0
_STATE = 0
_STRIKE_CELLS = range(1, 1 + STRIKES)
_CRASH_CELLS = range(1 + STRIKES, 1 + STRIKES + CRASHES)
_SUSPICION_CELLS = range(_CRASH_CELLS.stop, _CRASH_CELLS.stop + SUSPICIONS)
_BLAMED_AT = _SUSPICION_CELLS.stop
_FILE = _BLAMED_AT + 1  # the number of the version's present file
_CELLS = _FILE + 1
_CELL_BYTES = 8

_ENDS = "it serves again after a load call, SIGHUP or another file"
REASONS = {
    _OUTLASTED: f"quarantined: {STRIKES} of its runs outlasted the deadline; {_ENDS}",
    _CRASHED: f"quarantined: its runs crashed their worker within {CRASH_SECONDS:.0f} s, twice or more; {_ENDS}",
    _BLAMED: f"quarantined: workers crashed as it ran beside others, {SUSPICIONS} times within {CRASH_SECONDS:.0f} s;"
    f" {_ENDS}, once they crash without it, or after {BLAME_SECONDS / 60:.0f} minutes",
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
        strikes = self._note(_STRIKE_CELLS, now, STRIKE_SECONDS)
        if strikes == STRIKES:
            self._quarantine(_OUTLASTED)
        return strikes

    def crash(self, now: float) -> int:
        """Notes a run that ended its worker, alone; returns how many count now.

        Quarantines with CRASHES, or if the version is suspected of another.
        """
        crashes = self._note(_CRASH_CELLS, now, CRASH_SECONDS)
        if crashes == CRASHES or (crashes and self._count(_SUSPICION_CELLS, now, CRASH_SECONDS)):
            self._quarantine(_CRASHED)
        return crashes

    def suspect(self, now: float) -> int:
        """Notes that a worker ended while others ran as well; returns how often that counts now.

        Quarantines if the version has ended one alone. With SUSPICIONS somebody has to be blamed, by the caller.
        """
        suspicions = self._note(_SUSPICION_CELLS, now, CRASH_SECONDS)
        if suspicions and self._count(_CRASH_CELLS, now, CRASH_SECONDS):
            self._quarantine(_CRASHED)
        return suspicions

    def blame(self, now: float) -> None:
        """Quarantines for crashes of which this version is suspected, until they go on without it, or long enough."""
        self.cells[_BLAMED_AT] = now
        self._quarantine(_BLAMED)

    def lapse(self, now: float) -> None:
        """Gives up a blame from long ago: nobody knows whether it was right."""
        if self.cells[_STATE] == _BLAMED and now - self.cells[_BLAMED_AT] > BLAME_SECONDS:
            self.acquit_of_blame()

    @property
    def is_proven(self) -> bool:
        """Whether the version is quarantined as it crashed alone."""
        return self.cells[_STATE] == _CRASHED

    def acquit(self) -> None:
        """Another version is proven to crash: this one is suspected no more, and serves again if it was only blamed."""
        if self.cells[_FILE] != self._file:
            return
        for cell in _SUSPICION_CELLS:
            self.cells[cell] = 0.0
        if self.cells[_STATE] == _BLAMED:
            self.cells[_STATE] = _SERVES

    def acquit_of_blame(self) -> None:
        """Workers crash without this version: if it was only blamed, it serves again, and is suspected no more."""
        if self.cells[_STATE] == _BLAMED:
            self.acquit()

    def lift(self) -> None:
        """Forgets all that was noted."""
        for cell in range(_FILE):
            self.cells[cell] = 0.0

    def renew(self) -> None:
        """Forgets all that was noted, and all that will be by records made before: the version has another file."""
        self.cells[_FILE] += 1.0
        self._file = self.cells[_FILE]
        self.lift()

    def _quarantine(self, state: float) -> None:
        if self.cells[_FILE] == self._file and self.cells[_STATE] == _SERVES:
            self.cells[_STATE] = state

    def _count(self, among: range, now: float, seconds: float) -> int:
        return sum(1 for cell in among if self.cells[cell] and now - self.cells[cell] <= seconds)

    def _note(self, among: range, now: float, seconds: float) -> int:
        cells = self.cells
        if cells[_FILE] != self._file:
            return 0
        cells[min(among, key=lambda cell: cells[cell])] = now  # the oldest is forgotten
        return self._count(among, now, seconds)


class Quarantine:
    """The records of so many blocks of the scoreboard: one per version served."""

    def __init__(self, blocks: int) -> None:
        self._cells = memoryview(mmap.mmap(-1, max(blocks, 1) * _CELLS * _CELL_BYTES)).cast("d")

    def record(self, block: int) -> Record:
        """The record of a version, by its block of the scoreboard."""
        return Record(self._cells[block * _CELLS : (block + 1) * _CELLS])
