"""Owns what a run of a model is expected to cost, learned from its runs. Pure: is given rows and seconds."""

from __future__ import annotations

from collections.abc import Mapping

MOST_ROWS = 1 << 30  # stands for "no limit" where rows cost nothing


class CostCurve:
    """The seconds of a run as ``fixed_seconds + row_seconds * rows``, fitted by weighted least squares.

    Old runs lose weight, so the curve follows a machine whose speed changes. Until it has seen two sizes it is flat.
    """

    FADE = 0.98  # factor on the weight of a run for each later run: about the last 50 count

    def __init__(self) -> None:
        self._weight = self._rows = self._rows2 = self._seconds = self._rows_seconds = 0.0
        self.fixed_seconds = 0.0
        self.row_seconds = 0.0

    def state(self) -> dict[str, float]:
        """The fitted state, for `restored` in another process."""
        return dict(vars(self))

    @classmethod
    def restored(cls, state: Mapping[str, float]) -> CostCurve:
        """The curve with this `state`."""
        curve = cls()
        vars(curve).update(state)
        return curve

    def learn(self, rows: int, seconds: float) -> None:
        """Adds one run of ``rows`` rows that took ``seconds``."""
        fade = self.FADE
        self._weight = self._weight * fade + 1.0
        self._rows = self._rows * fade + rows
        self._rows2 = self._rows2 * fade + rows * rows
        self._seconds = self._seconds * fade + seconds
        self._rows_seconds = self._rows_seconds * fade + rows * seconds
        self._fit()

    def _fit(self) -> None:
        mean_rows, mean_seconds = self._rows / self._weight, self._seconds / self._weight
        spread = self._rows2 / self._weight - mean_rows * mean_rows
        slope = self.row_seconds
        if spread > 1e-9 * mean_rows * mean_rows + 1e-12:
            slope = (self._rows_seconds / self._weight - mean_rows * mean_seconds) / spread
        # Neither part of a cost is negative: where noise makes one so, it counts for the other part.
        self.row_seconds = min(max(slope, 0.0), mean_seconds / mean_rows)
        self.fixed_seconds = max(mean_seconds - self.row_seconds * mean_rows, 0.0)

    def seconds(self, rows: int) -> float:
        """The seconds that a run of ``rows`` rows is expected to take."""
        return self.fixed_seconds + self.row_seconds * rows

    @property
    def seconds_per_row(self) -> float:
        """What a row has cost on average, in the runs it shared; 0 before the first."""
        return self._seconds / self._rows if self._rows else 0.0

    def rows_within(self, seconds: float) -> int:
        """The most rows whose run is expected to take at most ``seconds``, or twice its fixed part; at least 1.

        docs/decisions.md: "A run may take 25 ms, or twice its fixed cost".
        """
        budget = max(seconds - self.fixed_seconds, self.fixed_seconds)
        if budget >= self.row_seconds * MOST_ROWS:
            return MOST_ROWS
        return max(1, int(budget / self.row_seconds))
