"""Owns the proof rows that reach the splits of trees, however deep, and lie at them. Knows nothing of whose trees."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convert.graph.graph import Array
from convert.original.hints.column_hints import ColumnHint
from convert.original.hints.ways import Stretch
from convert.original.table import Table
from convert.proof.rows.usual import known_numbers, scale, usual, within
from server.artefact.metadata import Feature

ANYWHERE = Stretch(-np.inf, np.inf, np.nan)
MOST = 3
MOVED = 0.5  # of the numbers that a row's own split does not ask for
MISSING = 0.2  # of those that are moved anywhere


def at_splits(
    random: np.random.Generator, features: Sequence[Feature], hints: Sequence[ColumnHint], rows: int
) -> Table | None:
    """Usual rows, moved to where a split is asked: there some go left, some right, and some have no value.

    Each split has a row before any has a second one; where there are more splits than ``rows``, up to `MOST` times as
    many rows are made.
    """
    splits = list(dict.fromkeys(split for hint in hints for split in hint.ways))
    if not splits:
        return None
    rows = max(rows, min(rows * MOST, len(splits)))
    turns, places = np.divmod(np.arange(rows), len(splits))
    ways = random.integers(0, 3, len(splits))[places] + turns
    order = random.permutation(len(splits))
    chosen = [splits[at] for at in order[places].tolist()]
    table = dict(usual(random, features, hints, rows))
    for feature, hint in zip(features, hints, strict=True):
        if hint.ways and feature.dtype == "float64":
            stretches = np.array([hint.ways.get(split, ANYWHERE) for split in chosen], np.float64)
            table[feature.name] = _moved(random, feature, hint, table[feature.name], stretches, ways)
    return table


def _moved(
    random: np.random.Generator, feature: Feature, hint: ColumnHint, values: Array, stretches: Array, ways: Array
) -> Array:
    low, high, at = stretches.T
    known = np.array(known_numbers(feature, hint), np.float64)
    if len(known):  # nothing else may stand there
        return _known_inside(random, known, values, low, high)
    inside = np.where((values > low) & (values <= high), values, _between(random, hint, low, high))
    inside = within(hint, _at_other_splits(random, feature, hint, inside, low, high))
    ways = ways % 3 if feature.nullable else ways % 2
    asked = within(hint, _sharp(random, np.where(np.isfinite(at), at, scale(hint)[0]), ways % 2))
    if feature.nullable:
        inside = np.where(low < high, inside, np.nan)
        asked = np.where(ways == 2, np.nan, asked)
    return np.where(np.isnan(at), inside, asked)


def _at_other_splits(
    random: np.random.Generator, feature: Feature, hint: ColumnHint, inside: Array, low: Array, high: Array
) -> Array:
    """Half of the numbers moved to where other splits are asked: those on the way, which still answer as they did, and
    where a column is not asked on the way at all those of other trees. So each row asks several splits sharply.
    """
    free, points = np.isneginf(low) & np.isposinf(high), np.unique(hint.points)
    sides = random.integers(0, 2, len(low))
    anywhere = _sharp(random, points[random.integers(0, len(points), len(low))], sides) if len(points) else inside
    if feature.nullable:
        anywhere = np.where(random.random(len(low)) < MISSING, np.nan, anywhere)
    edges = _ends(random, low, high)
    moved = np.where(free, anywhere, np.where((edges > low) & (edges <= high), edges, inside))
    return np.where(random.random(len(low)) < MOVED, moved, inside)


def _ends(random: np.random.Generator, low: Array, high: Array) -> Array:
    """The last number at either end of a stretch; NaN where it has no end there."""
    low, high = (np.where(np.isfinite(end), end, np.nan) for end in (low, high))
    upper = random.integers(0, 2, len(low))
    return _sharp(random, np.where(upper, high, low), 1 - upper)


def _sharp(random: np.random.Generator, at: Array, above: Array) -> Array:
    """The first number above ``at``, or the last that is not, in float64 or in float32: as a split may compare."""
    with np.errstate(over="ignore"):
        first = last = at.astype(np.float32)
    first = np.where(first > at, first, np.nextafter(first, np.float32(np.inf))).astype(np.float64)
    last = np.where(last <= at, last, np.nextafter(last, np.float32(-np.inf))).astype(np.float64)
    values = np.choose(random.integers(0, 2, len(at)) + 2 * above, [at, last, np.nextafter(at, np.inf), first])
    return np.where(np.isfinite(values), values, at)


def _between(random: np.random.Generator, hint: ColumnHint, low: Array, high: Array) -> Array:
    """A number above ``low`` and not above ``high``: near the end where there is but one."""
    share, spread = random.random(len(low)), scale(hint)[1]
    bottom = np.where(np.isfinite(low), low, np.where(np.isfinite(high), high - spread, 0.0))
    top = np.where(np.isfinite(high), high, bottom + spread)
    return np.asarray(np.clip(top - share * (top - bottom), np.nextafter(bottom, np.inf), top))


def _known_inside(random: np.random.Generator, known: Array, values: Array, low: Array, high: Array) -> Array:
    ordered = np.sort(known)
    first, last = np.searchsorted(ordered, low, "right"), np.searchsorted(ordered, high, "right")
    picked = first + (random.random(len(values)) * (last - first)).astype(np.int64)
    return np.where(last > first, ordered[np.minimum(picked, len(ordered) - 1)], values)


def beside(random: np.random.Generator, chosen: Array, above: Array | None = None) -> Array:
    """Each number or one step beside it, in float64 or in float32: above it, or not, where that is said [rows]."""
    with np.errstate(over="ignore"):  # 1e300 is beyond float32; its neighbours there are left out below
        single = chosen.astype(np.float32)
    around = np.sort(
        [
            chosen,
            np.nextafter(chosen, np.inf),
            np.nextafter(chosen, -np.inf),
            single.astype(np.float64),
            np.nextafter(single, np.float32(np.inf)).astype(np.float64),
            np.nextafter(single, np.float32(-np.inf)).astype(np.float64),
        ],
        axis=0,
    )
    half = random.integers(0, 2, len(chosen)) if above is None else above
    values = np.choose(random.integers(0, 3, len(chosen)) + 3 * half, around)
    return np.where(np.isfinite(values), values, chosen)
