"""Owns the proof rows that are made up from the model itself. Knows nothing of how they are compared.

Rows come in groups, so that a report can say what was tried and so that extremes do not loosen the measure for others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convert.original.hints.column_hints import ColumnHint
from convert.original.table import Table, length
from convert.proof.rows import remembered, splits
from convert.proof.rows.usual import scale, usual, within
from server.artefact.metadata import Feature

ROWS = 10_000
# Usual rows are the rest.
SHARES = {
    "thresholds": 0.15,
    "splits": 0.3,
    "missing": 0.15,
    "extremes": 0.1,
    "whole": 0.05,
    "remembered": 0.1,
    "beside": 0.1,
    "lattice": 0.1,
}
ZEROS = 0.3  # of the cells of a row in the group "whole"
TOUCHED = 0.3  # of the cells of a row in the groups "missing" and "extremes"


def synthesise(
    features: Sequence[Feature], hints: Sequence[ColumnHint], rows: int = ROWS, seed: int = 0
) -> dict[str, Table]:
    """At least ``rows`` rows by group; a group that this model cannot have is left out and its rows are usual ones."""
    random = np.random.default_rng(seed)
    makers = {
        "thresholds": _at_thresholds,
        "missing": _with_missing,
        "extremes": _extreme,
        "whole": _whole,
        "splits": splits.at_splits,
        "remembered": remembered.remembered,
        "beside": remembered.beside,
        "lattice": remembered.lattice,
    }
    groups: dict[str, Table] = {}
    for group, make in makers.items():
        table = make(random, features, hints, int(rows * SHARES[group]))
        if table is not None:
            groups[group] = table
    made = sum(min(length(table), int(rows * SHARES[group])) for group, table in groups.items())
    return {"usual": usual(random, features, hints, rows - made), **groups}


def _at_thresholds(random: np.random.Generator, features: Any, hints: Sequence[ColumnHint], rows: int) -> Table | None:
    """Numbers exactly at what the model compares with, and one step to either side, in float64 and in float32."""
    if not any(hint.points for hint in hints):
        return None
    table = dict(usual(random, features, hints, rows))
    for feature, hint in zip(features, hints, strict=True):
        if hint.points and feature.dtype == "float64":
            points = np.unique(hint.points)
            chosen = points[np.resize(random.permutation(len(points)), rows)]
            table[feature.name] = within(hint, splits.beside(random, chosen))
    return table


def _with_missing(
    random: np.random.Generator, features: Sequence[Feature], hints: Sequence[ColumnHint], rows: int
) -> Table | None:
    """Nothing, or what the model takes for nothing."""
    if not any(feature.nullable or hint.markers for feature, hint in zip(features, hints, strict=True)):
        return None
    table = dict(usual(random, features, hints, rows))
    for feature, hint in zip(features, hints, strict=True):
        empty = [None if feature.dtype == "string" else np.nan] if feature.nullable else []
        for nothing in (*empty, *dict.fromkeys(hint.markers)):
            gone = random.random(rows) < TOUCHED
            table[feature.name] = np.where(gone, nothing, table[feature.name])
    return table


def _extreme(
    random: np.random.Generator, features: Sequence[Feature], hints: Sequence[ColumnHint], rows: int
) -> Table | None:
    if not any(feature.dtype == "float64" for feature in features):
        return None
    table = dict(usual(random, features, hints, rows))
    for feature, hint in zip(features, hints, strict=True):
        if feature.dtype == "float64" and feature.categories is None:
            centre, spread = scale(hint)
            far = np.array([0.0, -0.0, 1e-300, -1e-300, *(centre + spread * np.array([-1e6, -1e3, 1e3, 1e6]))])
            far = within(hint, far)
            touched = random.random(rows) < TOUCHED
            table[feature.name] = np.where(touched, far[random.integers(0, len(far), rows)], table[feature.name])
    return table


def _whole(
    random: np.random.Generator, features: Sequence[Feature], hints: Sequence[ColumnHint], rows: int
) -> Table | None:
    """What counts, ratings and surveys hold: steps of one size, many zeros, and in every fourth row equal columns."""
    free = [(f.name, hint) for f, hint in zip(features, hints, strict=True) if _is_free_number(f)]
    if not free:
        return None
    table = dict(usual(random, features, hints, rows))
    for name, hint in free:
        spread = scale(hint)[1]
        step = 1.0 if 1.0 <= spread <= 1e6 else 10.0 ** np.floor(np.log10(spread))
        table[name] = np.where(random.random(rows) < ZEROS, 0.0, np.round(table[name] / step) * step)
    first = table[free[0][0]]
    for name, hint in free:
        table[name] = within(hint, np.where(np.arange(rows) % 4 == 0, first, table[name]))
    return table


def _is_free_number(feature: Feature) -> bool:
    return feature.dtype == "float64" and feature.categories is None
