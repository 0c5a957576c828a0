"""Owns whether looking for answers pays for a model version: by what its rows cost and how often they return. Pure.

A miss costs MISS_SECONDS, a hit spares a run's share and what is round it. Where a row costs so much that a miss adds
DEAR_SHARE of it, every question is looked for. Else only while hits spare more than misses cost; once they do not,
questions go by, so many that trying a WINDOW of them again costs no more than TRYING_SHARE of all.
docs/decisions.md: "A look must pay".
"""

from __future__ import annotations

from server.batching.cost import CostCurve

MISS_SECONDS = 6e-6  # to look in vain, to note who else asks and to keep the answer
SHARING_SECONDS = 2e-6  # the same where no answer is kept
SPARED_SECONDS = 0.5e-6  # that a hit saves beside the run: to read, to wait, to write numbers
REQUEST_SECONDS = 12e-6  # that a request costs beside the run
DEAR_SHARE = 0.02
TRYING_SHARE = 0.005
WINDOW = 512  # questions between two judgements


class Worth:
    """What is decided for one version. ``keeps``: answers are kept, not only shared while they are made.

    ``ruled``: what the operator says, whatever it costs; None to decide. ``repeatable``: equal questions have equal
    answers; else none is looked for, whoever says so.
    """

    def __init__(self, curve: CostCurve, *, keeps: bool, ruled: bool | None = None, repeatable: bool = True) -> None:
        self._curve = curve
        self._keeps = keeps
        self._ruled = ruled if repeatable else False
        self._repeatable = repeatable
        self._hits = self._misses = self._rows = 0
        self._judged: tuple[int, int] | None = None  # hits and questions of the last judgement
        self.looks = self._first()

    def _first(self) -> bool:
        if self._ruled is not None:
            return self._ruled
        return self._keeps or self._is_dear()

    def _is_dear(self) -> bool:
        miss = MISS_SECONDS if self._keeps else SHARING_SECONDS
        return miss <= DEAR_SHARE * self._curve.seconds_per_row

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
        """Called after `rest` questions went by: tries again."""
        self.looks = self._first()

    @property
    def rest(self) -> int:
        """How many questions go by before some are tried again."""
        seconds = self._curve.seconds_per_row + REQUEST_SECONDS
        return WINDOW + round(WINDOW * MISS_SECONDS / (TRYING_SHARE * seconds))

    @property
    def reason(self) -> str | None:
        """Why answers are not kept; None if they are."""
        if not self._repeatable:
            return "its graph may draw by chance"
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
