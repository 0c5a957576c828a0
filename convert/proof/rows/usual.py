"""Owns the proof rows as the training data may have been. Knows nothing of edges, extremes or trees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convert.graph.graph import Array
from convert.original.hints.column_hints import ColumnHint
from convert.original.table import Table
from convert.original.usual import UNSEEN_TEXT, is_missing
from convert.tracing.recorder.texts.samples import around
from server.artefact.metadata import Feature

FARTHEST = 1e100  # boosters write 1e300 for "any number": no place where values lie
KNOWN_WORDS = 2000  # of a vocabulary at most so many are tried, evenly chosen
LONGEST_TEXT = 15  # words
SAMPLES = 60  # of the texts that own code takes apart, and of those it knows, so many are tried in several forms
ODD_WORDS = (
    "unheard", "é", "É", "x", "I", "ça", "Łódź", "naïve", "42", "3.14", "don't", "a_b", "日本語", "straße", "ﬁn", "²",
)  # fmt: skip
ACCENTS = str.maketrans("aceinouyACEINOUY", "àçéîñöùýÀÇÉÎÑÖÙÝ")
PLAIN_EVERY, PLAIN_WORDS = 16, (4, 9)
ODD_TEXTS = (UNSEEN_TEXT, "", " ", "a", "É", "ß", "日本", "x" * 200)


def usual(random: np.random.Generator, features: Sequence[Feature], hints: Sequence[ColumnHint], rows: int) -> Table:
    """Rows as the training data may have been; numbers with few digits, as people write them."""
    return {f.name: _usual_values(random, f, hint, rows) for f, hint in zip(features, hints, strict=True)}


def _usual_values(random: np.random.Generator, feature: Feature, hint: ColumnHint, rows: int) -> Array:
    if hint.words:
        return _documents(random, hint.words, rows)
    if feature.dtype == "string":
        return _each_often(random, np.array(_texts(feature, hint), object), rows)
    if feature.dtype == "bool":
        return np.asarray(random.random(rows) < 0.5)
    known = known_numbers(feature, hint)
    if known:
        return _each_often(random, np.array(known, np.float64), rows)
    centre, spread = scale(hint)
    return within(hint, rounded(random.normal(centre, spread, rows), spread))


def within(hint: ColumnHint, values: Array) -> Array:
    """Numbers as the model takes them: without a sign where it takes none, beside zero where it takes no zero."""
    values = np.abs(values) if hint.positive else values
    return np.where(values == 0, scale(hint)[1] / 100, values) if hint.nonzero else values


def _each_often(random: np.random.Generator, values: Array, rows: int) -> Array:
    """``rows`` of the values, each about as often as any other, so that none of a few thousand is left out."""
    return np.asarray(values[random.permutation(np.resize(random.permutation(len(values)), rows))])


def known_numbers(feature: Feature, hint: ColumnHint) -> list[Any]:
    """The numbers that a column of categories may hold, and one that nobody knows where it may; else nothing."""
    known = [value for value in hint.known if not is_missing(value)]
    step = 86_400.0 if hint.dates else 1.0
    return known if feature.categories or not known else [*known, max(known) + step]


def _texts(feature: Feature, hint: ColumnHint) -> list[str]:
    known = [str(value) for value in hint.known if not is_missing(value)]
    if feature.categories is not None:
        return known
    if hint.shaped:
        return [*hint.given]
    taken = around([*hint.samples[:SAMPLES], *known[:SAMPLES]]) if hint.samples else []
    return [*known * 4, *hint.given, *ODD_TEXTS, *taken]


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
    if hint.measured is None or hint.measured[0] != len(hint.points):
        hint.measured = (len(hint.points), *_measured(hint))
    return hint.measured[1:]


def _measured(hint: ColumnHint) -> tuple[float, float]:
    points = np.asarray(hint.points, np.float64)
    points = points[np.abs(points) < FARTHEST]
    if not len(points) and hint.remembered is not None:
        points = hint.remembered[np.isfinite(hint.remembered)]
    if len(points) > 1:
        return float(np.mean(points)), float(np.std(points)) * 1.5 or 1.0
    return float(points[0]) if len(points) else 0.0, 1.0


def rounded(values: Array, spread: float) -> Array:
    """To a hundredth of the spread, in decimal: 5.1, not 5.0982347."""
    return np.round(values, int(np.clip(np.ceil(2 - np.log10(spread)), -6, 12)))
