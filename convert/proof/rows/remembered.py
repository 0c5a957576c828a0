"""Owns the proof rows for models that remember rows: those, what lies beside them, and between them.

Knows nothing of how answers are compared.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convert.graph.graph import Array
from convert.original.hints.column_hints import ColumnHint
from convert.original.table import Table
from convert.proof.rows.usual import usual
from server.artefact.metadata import Feature

ASIDE = 1e-4  # of the way from one row to another, beside the middle


def remembered(
    random: np.random.Generator, features: Sequence[Feature], hints: Sequence[ColumnHint], rows: int
) -> Table | None:
    """The rows that the model remembers, each once if there are not too many."""
    known = _remembered_columns(features, hints)
    if not known:
        return None
    count = min(map(len, known.values()))
    chosen = random.permutation(count)[:rows]
    return {**usual(random, features, hints, len(chosen)), **{name: values[chosen] for name, values in known.items()}}


def beside(
    random: np.random.Generator, features: Sequence[Feature], hints: Sequence[ColumnHint], rows: int
) -> Table | None:
    """What a row may look like that the model has not seen: a remembered one with one cell from another."""
    drawn = _two_remembered(random, features, hints, rows)
    if drawn is None:
        return None
    table, pairs = drawn
    changed = random.integers(0, len(pairs), rows)
    for column, (name, (one, other)) in enumerate(pairs.items()):
        table[name] = np.where(changed == column, other, one)
    return table


def lattice(
    random: np.random.Generator, features: Sequence[Feature], hints: Sequence[ColumnHint], rows: int
) -> Table | None:
    """Between the rows that the model remembers: each cell from another of them, or the middle of two rows, or a little
    to either side of it, where one of the two is nearer by next to nothing."""
    drawn = _two_remembered(random, features, hints, rows)
    if drawn is None:
        return None
    table, pairs = drawn
    middle, aside = np.arange(rows) % 3 == 0, np.resize(np.repeat([0.0, -ASIDE, ASIDE], 3), rows)
    for name, (one, other) in pairs.items():
        between = (one + other) / 2 + (other - one) * aside
        table[name] = np.where(middle, between, random.permutation(one))
    return table


def _two_remembered(
    random: np.random.Generator, features: Sequence[Feature], hints: Sequence[ColumnHint], rows: int
) -> tuple[dict[str, Array], dict[str, tuple[Array, Array]]] | None:
    """Usual rows, and by remembered column the values of two remembered rows for each of them."""
    known = _remembered_columns(features, hints)
    if not known:
        return None
    table = dict(usual(random, features, hints, rows))
    one, other = random.integers(0, min(map(len, known.values())), (2, rows))
    return table, {name: (values[one], values[other]) for name, values in known.items()}


def _remembered_columns(features: Sequence[Feature], hints: Sequence[ColumnHint]) -> dict[str, Array]:
    return {
        feature.name: hint.remembered
        for feature, hint in zip(features, hints, strict=True)
        if hint.remembered is not None and len(hint.remembered) and feature.dtype == "float64"
    }
