"""Owns the coupling of pairwise probabilities as libsvm iterates it: one probability per class. Knows no kernels.

libsvm (`multiclass_probability`) goes round the classes until every row of its equations is met within 0.005 / classes,
and stops there, far from the limit: its answer is where it stopped. So each row takes its own number of rounds here.
"""

from __future__ import annotations

import numpy as np

from convert.graph.graph import Tensor

LEAST = 1e-7  # libsvm keeps a pairwise probability so far from 0 and 1


def rounds(classes: int) -> int:
    """More rounds than any row takes: 2 of two classes, 4 of three, 5 of ten, 7 of 26, also where they are sought."""
    return 3 if classes == 2 else 6 + classes // 6


def coupled(first: Tensor, classes: int) -> Tensor:
    """[rows, classes] of the probabilities ``first`` [rows, pairs] that the first class of each pair wins."""
    graph = first.graph
    limits = (graph.constant(np.float64(LEAST)), graph.constant(np.float64(1 - LEAST)))
    wins = _square(graph.op("Clip", first, *limits), classes)
    diagonal, rows = _equations(wins, classes)
    everything = graph.concat(rows)
    each = np.tile(np.arange(classes), classes)
    p = graph.zeros(first) + np.full((1, classes), 1.0 / classes)
    running = None
    for _ in range(rounds(classes)):
        left = (everything * p.take(each)).reshape(0, classes, classes).reduce("ReduceSum", axis=2, keep=False)
        mean = (p * left).reduce("ReduceSum")
        off = (left - mean).unary("Abs").reduce("ReduceMax") >= 0.005 / classes
        running = off if running is None else running & off
        p = _round(p, left, mean, diagonal, rows, running)
    return p


def _square(first: Tensor, classes: int) -> Tensor:
    """[rows, classes * classes]: how probable it is that the one wins against the other; 0 against itself."""
    pairs = [(i, j) for i in range(classes) for j in range(i + 1, classes)]
    at = np.full((classes, classes), 2 * len(pairs))
    for position, (i, j) in enumerate(pairs):
        at[i, j], at[j, i] = position, len(pairs) + position
    return first.graph.concat([first, 1.0 - first, first.graph.zeros(first)]).take(at.ravel())


def _equations(wins: Tensor, classes: int) -> tuple[list[Tensor], list[Tensor]]:
    """libsvm's Q of each class: its own entry [rows, 1] and its row [rows, classes]."""
    turned = np.arange(classes * classes).reshape(classes, classes).T.ravel()
    lost = wins.take(turned)
    products, squares = -(wins * lost), lost * lost
    diagonal, rows = [], []
    for t in range(classes):
        own = np.arange(t * classes, (t + 1) * classes)
        diagonal.append(squares.take(own).reduce("ReduceSum"))
        rows.append(products.take(own) + diagonal[t] * np.eye(classes)[[t]])
    return diagonal, rows


def _round(
    p: Tensor, left: Tensor, mean: Tensor, diagonal: list[Tensor], rows: list[Tensor], running: Tensor
) -> Tensor:
    """Each class in turn takes what its own equation asks, and all are made to sum to 1 again."""
    for t, (own, row) in enumerate(zip(diagonal, rows, strict=True)):
        here = left.take([t])
        step = running.where((mean - here) / own, np.float64(0.0))
        size = step + 1.0
        mean = (mean + step * (step * own + here * 2.0)) / size / size
        left = (left + step * row) / size
        p = (p + step * np.eye(len(rows))[[t]]) / size
    return p
