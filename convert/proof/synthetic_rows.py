"""Owns the proof rows that are made up from the model itself. Knows nothing of how they are compared.

Rows come in groups, so that a report can say what was tried and so that extremes do not loosen the measure for others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convert.graph.graph import Array
from convert.original.column_hints import ColumnHint
from convert.original.table import Table
from convert.original.usual import UNSEEN_TEXT, is_missing
from server.artefact.metadata import Feature

ROWS = 10_000
# Usual rows are the rest.
SHARES = {
    "thresholds": 0.3,
    "missing": 0.15,
    "extremes": 0.1,
    "whole": 0.05,
    "remembered": 0.1,
    "beside": 0.1,
    "lattice": 0.1,
}
ZEROS = 0.3  # of the cells of a row in the group "whole"
FARTHEST = 1e100  # boosters write 1e300 for "any number": no place where values lie
TOUCHED = 0.3  # of the cells of a row in the groups "missing" and "extremes"
KNOWN_WORDS = 2000  # of a vocabulary at most so many are tried, evenly chosen
LONGEST_TEXT = 15  # words
ODD_WORDS = (
    "unheard", "é", "É", "x", "I", "ça", "Łódź", "naïve", "42", "3.14", "don't", "a_b", "日本語", "straße", "ﬁn", "²",
)  # fmt: skip
ACCENTS = str.maketrans("aceinouyACEINOUY", "àçéîñöùýÀÇÉÎÑÖÙÝ")
PLAIN_EVERY, PLAIN_WORDS = 16, (4, 9)
ODD_TEXTS = (UNSEEN_TEXT, "", " ", "a", "É", "ß", "日本", "x" * 200)


def synthesise(features: Sequence[Feature], hints: Sequence[ColumnHint], rows: int = ROWS) -> dict[str, Table]:
    """At least ``rows`` rows by group; a group that this model cannot have is left out and its rows are usual ones."""
    random = np.random.default_rng(0)
    makers = {
        "thresholds": _at_thresholds,
        "missing": _with_missing,
        "extremes": _extreme,
        "whole": _whole,
        "remembered": _remembered,
        "beside": _beside,
        "lattice": _lattice,
    }
    groups: dict[str, Table] = {}
    for group, make in makers.items():
        table = make(random, features, hints, int(rows * SHARES[group]))
        if table is not None:
            groups[group] = table
    made = sum(len(next(iter(table.values()))) for table in groups.values())
    return {"usual": usual(random, features, hints, rows - made), **groups}


def usual(random: np.random.Generator, features: Sequence[Feature], hints: Sequence[ColumnHint], rows: int) -> Table:
    """Rows as the training data may have been; numbers with few digits, as people write them."""
    return {f.name: _usual_values(random, f, hint, rows) for f, hint in zip(features, hints, strict=True)}


def _usual_values(random: np.random.Generator, feature: Feature, hint: ColumnHint, rows: int) -> Array:
    if hint.words:
        return _documents(random, hint.words, rows)
    if feature.dtype == "string":
        return np.array(_texts(feature, hint), object)[random.integers(0, len(_texts(feature, hint)), rows)]
    if feature.dtype == "bool":
        return np.asarray(random.random(rows) < 0.5)
    known = _known(feature, hint)
    if known:
        return np.array(known, np.float64)[random.integers(0, len(known), rows)]
    centre, spread = scale(hint)
    return within(hint, rounded(random.normal(centre, spread, rows), spread))


def within(hint: ColumnHint, values: Array) -> Array:
    """Numbers as the model takes them: without a sign where it takes none, beside zero where it takes no zero."""
    values = np.abs(values) if hint.positive else values
    return np.where(values == 0, scale(hint)[1] / 100, values) if hint.nonzero else values


def _known(feature: Feature, hint: ColumnHint) -> list[Any]:
    known = [value for value in hint.known if not is_missing(value)]
    step = 86_400.0 if hint.dates else 1.0
    return known if feature.categories or not known else [*known, max(known) + step]


def _texts(feature: Feature, hint: ColumnHint) -> list[str]:
    known = [str(value) for value in hint.known if not is_missing(value)]
    return known if feature.categories is not None else [*known * 4, *ODD_TEXTS]


def _documents(random: np.random.Generator, words: list[str], rows: int) -> Array:
    """Texts of known words in any case, unknown ones, accents, single letters, odd spaces and marks; some empty.

    One of sixteen is plain, known words with blanks between: what people send, and golden rows show.
    """
    shown = sorted(words)[:: max(1, len(words) // KNOWN_WORDS)]
    odd = [*(word.upper() for word in shown), *(word.translate(ACCENTS) for word in shown)]
    bag = np.array([*shown * 3, *odd, *ODD_WORDS * (1 + len(shown) // 20)], object)
    lengths = random.integers(0, LONGEST_TEXT, rows)
    gaps = np.array([" ", " ", " ", "  ", ", ", ".\n", "-", "\t", "\u00a0", "\u3000 "], object)
    texts = np.array(
        ["".join(w + g for w, g in zip(random.choice(bag, n), random.choice(gaps, n), strict=True)) for n in lengths],
        object,
    )
    of_plain = np.random.default_rng(1)
    for at in range(0, rows if shown else 0, PLAIN_EVERY):
        texts[at] = " ".join(of_plain.choice(np.array(shown, object), of_plain.integers(*PLAIN_WORDS)))
    return texts


def scale(hint: ColumnHint) -> tuple[float, float]:
    """Where the column's values lie and how far they spread, as well as the model tells."""
    if hint.centre is not None and hint.spread:
        return hint.centre, hint.spread
    points = [point for point in hint.points if abs(point) < FARTHEST]
    if not points and hint.remembered is not None:
        points = hint.remembered[np.isfinite(hint.remembered)].tolist()
    if len(points) > 1:
        return float(np.mean(points)), float(np.std(points)) * 1.5 or 1.0
    return (points or [0.0])[0], 1.0


def rounded(values: Array, spread: float) -> Array:
    """To a hundredth of the spread, in decimal: 5.1, not 5.0982347."""
    return np.round(values, int(np.clip(np.ceil(2 - np.log10(spread)), -6, 12)))


def _at_thresholds(random: np.random.Generator, features: Any, hints: Sequence[ColumnHint], rows: int) -> Table | None:
    """Numbers exactly at what the model compares with, and one step to either side, in float64 and in float32."""
    if not any(hint.points for hint in hints):
        return None
    table = dict(usual(random, features, hints, rows))
    for feature, hint in zip(features, hints, strict=True):
        if hint.points and feature.dtype == "float64":
            points = _neighbours(random, np.unique(hint.points), rows)
            table[feature.name] = within(hint, points)
    return table


def _neighbours(random: np.random.Generator, points: Array, rows: int) -> Array:
    chosen = points[np.resize(random.permutation(len(points)), rows)]
    with np.errstate(over="ignore"):  # 1e300 is beyond float32; its neighbours there are left out below
        single = chosen.astype(np.float32)
    around = (
        chosen,
        np.nextafter(chosen, np.inf),
        np.nextafter(chosen, -np.inf),
        single.astype(np.float64),
        np.nextafter(single, np.float32(np.inf)).astype(np.float64),
        np.nextafter(single, np.float32(-np.inf)).astype(np.float64),
    )
    values = np.choose(random.integers(0, len(around), rows), around)
    return np.where(np.isfinite(values), values, chosen)


def _with_missing(random: np.random.Generator, features: Sequence[Feature], hints: Any, rows: int) -> Table | None:
    if not any(feature.nullable for feature in features):
        return None
    table = dict(usual(random, features, hints, rows))
    for feature in features:
        if feature.nullable:
            gone = random.random(rows) < TOUCHED
            empty: Any = None if feature.dtype == "string" else np.nan
            table[feature.name] = np.where(gone, empty, table[feature.name])
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


def _remembered(
    random: np.random.Generator, features: Sequence[Feature], hints: Sequence[ColumnHint], rows: int
) -> Table | None:
    """The rows that the model remembers, each once if there are not too many."""
    known = _remembered_columns(features, hints)
    if not known:
        return None
    count = min(map(len, known.values()))
    chosen = random.permutation(count)[:rows]
    return {**usual(random, features, hints, len(chosen)), **{name: values[chosen] for name, values in known.items()}}


def _beside(
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


def _lattice(
    random: np.random.Generator, features: Sequence[Feature], hints: Sequence[ColumnHint], rows: int
) -> Table | None:
    """Between the rows that the model remembers: each cell from another of them, or the middle of two rows."""
    drawn = _two_remembered(random, features, hints, rows)
    if drawn is None:
        return None
    table, pairs = drawn
    middle = np.arange(rows) % 3 == 0
    for name, (one, other) in pairs.items():
        table[name] = np.where(middle, (one + other) / 2, random.permutation(one))
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
