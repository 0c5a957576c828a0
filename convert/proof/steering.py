"""Owns the search for rows that the model answers otherwise than most. Knows nothing of how answers are compared.

Made-up texts rarely hold the one word that a tree asks for, and rows of many columns lie on the same side of all. So
rows are crossed and changed, those with a new answer are kept, and the next ones are made from them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from convert.graph.graph import Array
from convert.original.hints.column_hints import ColumnHint
from convert.original.original import Answers
from convert.original.table import Table, length, rows_at, stacked
from convert.proof.spread import keys_of
from server.artefact.metadata import Feature

ROUNDS = 12
IDLE_ROUNDS = 3  # without a new answer
CHILDREN = 400  # rows of a round
PARENTS = 300  # with as many different answers, from which a round is made
NEAR_NOTHING = 3  # cells of a row of zeros that are not
LONGEST = 400  # characters of a text that may still be made longer

Asked = tuple[Table, Answers]
Ask = Callable[[Table], Asked | None]  # the rows that are taken, and the answers to them


def steer(ask: Ask, features: Sequence[Feature], hints: Sequence[ColumnHint], usual: Asked, rows: int) -> Asked:
    """At most ``rows`` rows whose answers differ as widely as was found, each answer about as often as the others."""
    random = np.random.default_rng(0)
    known = _joined(usual, ask(_seeds(random, features, hints, usual[0])))
    seen = idle = 0
    for _ in range(ROUNDS):
        keys = keys_of(known[1])
        idle = idle + 1 if len(np.unique(keys)) == seen else 0
        if idle == IDLE_ROUNDS:
            break
        seen = len(np.unique(keys))
        parents = rows_at(known[0], _one_of_each(random, keys, PARENTS))
        known = _joined(known, ask(_children(random, features, hints, parents)))
    return _at(known, _evenly(random, keys_of(known[1]), rows))


def _at(asked: Asked, where: Array) -> Asked:
    return rows_at(asked[0], where), {name: values[where] for name, values in asked[1].items()}


def _joined(one: Asked, other: Asked | None) -> Asked:
    if other is None:
        return one
    answers = {name: np.concatenate([values, other[1][name]]) for name, values in one[1].items()}
    return stacked([one[0], other[0]]), answers


def _one_of_each(random: np.random.Generator, keys: Array, most: int) -> Array:
    """Positions of rows with different answers."""
    order = random.permutation(len(keys))
    _, first = np.unique(keys[order], return_index=True)
    return np.asarray(order[random.permutation(first)[:most]])


def _evenly(random: np.random.Generator, keys: Array, rows: int) -> Array:
    """Positions of ``rows`` rows: those with a rare answer first, no answer more often than need be."""
    order = random.permutation(len(keys))
    _, place, counts = np.unique(keys[order], return_inverse=True, return_counts=True)
    by_answer = np.argsort(place, kind="stable")
    nth = np.empty(len(keys), np.int64)  # of its answer, this row is the how manieth
    nth[by_answer] = np.arange(len(keys)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.asarray(order[np.argsort(nth, kind="stable")[:rows]])


def _seeds(
    random: np.random.Generator, features: Sequence[Feature], hints: Sequence[ColumnHint], usual: Table
) -> Table:
    """Texts of one word that the model asks for; rows that are zero but for a few cells."""
    table = dict(rows_at(usual, random.integers(0, length(usual), CHILDREN)))
    kept = random.random((len(features), CHILDREN)) < NEAR_NOTHING / len(features)
    for row, (feature, hint) in enumerate(zip(features, hints, strict=True)):
        if words := _asked_for(hint):
            table[feature.name] = np.array(words, object)[np.resize(random.permutation(len(words)), CHILDREN)]
        elif feature.dtype == "float64" and feature.categories is None:
            table[feature.name] = np.where(kept[row], table[feature.name], 0.0)
    return table


def _asked_for(hint: ColumnHint) -> list[str]:
    """Words that the model splits on; all that it knows where it splits on none."""
    return [word for word, inner in hint.by_word.items() if inner.points] or hint.words


def _children(
    random: np.random.Generator, features: Sequence[Feature], hints: Sequence[ColumnHint], parents: Table
) -> Table:
    """Each cell from one of two parents; a few at a threshold; a text joined with another or with a word."""
    one, other = random.integers(0, length(parents), (2, CHILDREN))
    changed = random.random((len(features), CHILDREN)) < 1.0 / len(features)
    crossed = random.random(CHILDREN) < 0.5
    table: dict[str, Array] = {}
    for row, (feature, hint) in enumerate(zip(features, hints, strict=True)):
        values = parents[feature.name]
        swap = crossed & (random.random(CHILDREN) < 0.5)
        cells = np.where(swap, values[other], values[one])
        if hint.words:
            cells = _longer(random, values[one], values[other], _asked_for(hint))
        elif hint.points and feature.dtype == "float64":
            points = np.unique(hint.points)
            beside = np.nextafter(points[random.integers(0, len(points), CHILDREN)], random.choice([-np.inf, np.inf]))
            cells = np.where(changed[row], np.abs(beside) if hint.positive else beside, cells)
        table[feature.name] = cells
    return table


def _longer(random: np.random.Generator, one: Array, other: Array, words: Sequence[str]) -> Array:
    """Texts with another text, with a word, or with every second word only."""
    way, chosen = random.integers(0, 3, len(one)), random.integers(0, len(words), len(one))
    texts = []
    for first, second, how, word in zip(one, other, way, chosen, strict=True):
        if how == 2 or len(first) > LONGEST:
            parts = first.split()
            texts.append(" ".join(itertools.compress(parts, random.random(len(parts)) < 0.5)))
        else:
            texts.append(f"{first} {second if how == 1 else words[word]}")
    return np.array(texts, object)
