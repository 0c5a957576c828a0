"""Owns the measure of one output: how far two answers are apart, by what scale, and which labels tie. Pure.

The rule is `server.artefact.parity.worst_excess`. Its scale is 1 for probabilities, else how far the original's output
spreads over the rows of the same group, so that extreme rows do not loosen the measure for usual ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from convert.graph.graph import Array
from convert.original.original import Answers
from server.artefact.parity import worst_excess

TIE = 1e-6
MIDDLE = (0.05, 0.95)
WIDEST = 3.0  # times what lies between these: more is the work of a few answers far away; usual is a third of it


def compare(
    output: str, answers: Answers, got: Array, chosen: Any = slice(None)
) -> tuple[npt.NDArray[np.float64], int]:
    """Per row how far off this output is (above 1: wrong), and how many labels differ in rows that are ties.

    ``chosen``: of which rows that is told; the scale is that of all.
    """
    expected = answers[output]
    if got.shape != expected.shape:
        return np.full(len(expected), np.inf)[chosen], 0
    if output == "label":
        differ = _by_row(np.asarray(expected != got, np.float64))
        tied = margins(answers) < TIE
        return np.where(tied, 0.0, differ * 2)[chosen], int(np.sum((tied & (differ > 0))[chosen]))
    if expected.dtype.kind == "O":
        return _by_row(np.asarray(expected != got, np.float64))[chosen] * 2, 0
    excess = [worst_excess(expected, got, 1.0)] if output.startswith("probabilities") else _by_column(expected, got)
    return _by_row(np.concatenate([part.reshape(len(expected), -1) for part in excess], axis=1))[chosen], 0


def _by_column(expected: Array, got: Array) -> list[Array]:
    a, b = expected.reshape(len(expected), -1), got.reshape(len(expected), -1)
    return [worst_excess(a[:, [i]], b[:, [i]], scale_of(a[:, i])) for i in range(a.shape[1])]


def scale_of(values: Array) -> float:
    """The standard deviation of the finite values, but no more than the width of the nine tenths in the middle allows.

    So a few answers that are far from all others do not loosen the measure for these. Their size where none varies.
    """
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 1.0
    size = float(np.max(np.abs(finite)))
    if not size:
        return 1.0
    low, high = np.quantile(finite / size, MIDDLE)
    whole, middle = float(np.std(finite / size)), float(high - low) * WIDEST
    return (min(whole, middle) or whole or 1.0) * size


def margins(answers: Answers) -> npt.NDArray[np.float64]:
    """By how much the best class leads in each row; infinite where the model gives no scores."""
    scores = [values for name, values in answers.items() if name == "scores" or name.startswith("probabilities")]
    sets = answers["label"].ndim == 2  # each label of a set has a score of its own
    leads = [np.abs(s).min(axis=1) if sets and s.shape == answers["label"].shape else _lead(s) for s in scores]
    rows = len(answers["label"])
    return np.min(leads, axis=0) if leads else np.full(rows, np.inf)


def _lead(scores: Array) -> Array:
    if scores.ndim == 1:
        return np.abs(scores)
    if scores.shape[1] < 2:
        return np.full(len(scores), np.inf)
    best = np.sort(scores, axis=1)
    return np.asarray(best[:, -1] - best[:, -2])


def _by_row(values: Array) -> npt.NDArray[np.float64]:
    flat = values.reshape(len(values), -1)
    return np.asarray(flat.max(axis=1) if flat.shape[1] else np.zeros(len(values)), np.float64)
