"""Owns durations in buckets: how a process counts them, and which quantiles many of them have. Knows no requests.

The cells of one histogram: a count for each of SECONDS_BUCKETS, one above them, and the sum in seconds.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from server.metrics.families import SECONDS_BUCKETS

SUM = len(SECONDS_BUCKETS) + 1  # its place among the cells
WIDTH = SUM + 1


def count(cells: memoryview[float], at: int, seconds: float) -> None:
    """Counts one duration in the histogram whose cells begin at ``at``."""
    cells[at + bisect_left(SECONDS_BUCKETS, seconds)] += 1.0
    cells[at + SUM] += seconds


def count_since(cells: memoryview[float], at: int, begun: list[float], now: float) -> None:
    """Counts what began at these times, at least one, and ends ``now``. Sorts ``begun``.

    Looks at each bucket between the oldest and the youngest instead of at each duration.
    """
    number = len(begun)
    if number == 1:
        count(cells, at, now - begun[0])
        return
    begun.sort()
    cells[at + SUM] += number * now - sum(begun)
    bucket = bisect_left(SECONDS_BUCKETS, now - begun[0])
    last = bisect_left(SECONDS_BUCKETS, now - begun[-1])
    counted = 0
    while bucket > last:
        older = bisect_left(begun, now - SECONDS_BUCKETS[bucket - 1])
        if older > counted:
            cells[at + bucket] += older - counted
            counted = older
        bucket -= 1
    cells[at + last] += number - counted


def quantile(counts: Sequence[float], share: float) -> float | None:
    """The duration that ``share`` of those counted do not exceed, in seconds; None if none is.

    Counts: one a bucket and one above. Within a bucket they are taken for evenly spread, as Prometheus does it.
    """
    total = sum(counts)
    if total <= 0:
        return None
    wanted = share * total
    below = 0.0
    for bucket, number in enumerate(counts[: len(SECONDS_BUCKETS)]):
        if number and below + number >= wanted:
            least = SECONDS_BUCKETS[bucket - 1] if bucket else 0.0
            return least + (SECONDS_BUCKETS[bucket] - least) * (wanted - below) / number
        below += number
    return SECONDS_BUCKETS[-1]
