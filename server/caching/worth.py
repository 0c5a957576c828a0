"""Owns whether looking for answers pays for a model version: by what its rows cost and how often they return. Pure.

A miss costs MISS_SECONDS, a hit spares a run's share and what is round it. Where a row costs so much that a miss adds
next to nothing, every question is looked for. Else only while hits spare more than misses cost; if they do not, the
next REST questions go by, then a WINDOW of them is tried again. docs/decisions.md: "A look must pay".
"""

from __future__ import annotations

from server.batching.cost import CostCurve

MISS_SECONDS = 2.5e-6  # to look in vain, to note who else asks and to keep the answer
SPARED_SECONDS = 2.5e-6  # that a hit saves beside the run: to read, to wait, to write numbers
DEAR_ROWS = 50  # misses cost 2 % of a row that costs as much as so many of them
WINDOW = 1024  # questions between two judgements
REST = 16 * WINDOW


class Worth:
    """What is decided for one version. ``keeps``: answers are kept, not only shared while they are made.

    ``ruled``: what the operator says, whatever it costs; None to decide.
    """

    def __init__(self, curve: CostCurve, *, keeps: bool, ruled: bool | None = None) -> None:
        self._curve = curve
        self._keeps = keeps
        self._ruled = ruled
        self._hits = self._misses = self._rows = 0
        self._judged: tuple[int, int] | None = None  # hits and questions of the last judgement
        self.looks = self._first()

    def _first(self) -> bool:
        if self._ruled is not None:
            return self._ruled
        return self._keeps or self._is_dear()

    def _is_dear(self) -> bool:
        return self._curve.seconds_per_row >= DEAR_ROWS * MISS_SECONDS

    def count(self, hits: int, misses: int, rows: int) -> None:
        """Counts questions that were looked for; ``rows``: of the misses. Judges when enough have been."""
        self._hits += hits
        self._misses += misses
        self._rows += rows
        if self._ruled is None and self._hits + self._misses >= WINDOW:
            self._judge()

    def _judge(self) -> None:
        hits, misses, rows = self._hits, self._misses, self._rows
        self._hits = self._misses = self._rows = 0
        self._judged = hits, hits + misses
        row_seconds = self._curve.seconds_per_row * max(rows / misses if misses else 1.0, 1.0)
        spared = hits * (row_seconds + SPARED_SECONDS)
        self.looks = self._is_dear() or (self._keeps and spared >= misses * MISS_SECONDS)

    def rested(self) -> None:
        """Called after REST questions went by: tries again."""
        self.looks = self._first()

    @property
    def reason(self) -> str | None:
        """Why answers are not kept; None if they are."""
        if self._ruled is False:
            return "DYNONNX_CACHE_MODELS says so"
        if not self._keeps:
            return "DYNONNX_CACHE_BYTES is 0"
        if self.looks or self._judged is None:
            return None
        hits, questions = self._judged
        return (
            f"{hits} of its last {questions} questions had been asked before: at"
            f" {self._curve.seconds_per_row * 1e6:.1f} us a row that spares less than looking costs"
        )
