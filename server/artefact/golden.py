"""Owns whether answers are the golden ones that stand in an artefact. Knows no sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from server.artefact.metadata import Artefact, Golden
from server.artefact.parity import worst_excess
from server.artefact.tensors import Array

TIE = 1e-6  # either label is right where the two best probabilities are closer


def mismatch(artefact: Artefact, got: Mapping[str, Any]) -> str | None:
    """Compares outputs with the golden answers by the rule of parity: where they differ, by output and row, or None."""
    golden = artefact.golden
    for output in artefact.outputs:
        answers, expected = got.get(output.name), golden.outputs.get(output.name)
        if not isinstance(answers, np.ndarray) or not isinstance(expected, list):
            return f"output '{output.name}' is missing in the graph or among the golden answers"
        if not answers.ndim or not len(expected) == len(answers) == len(golden.rows):
            return f"output '{output.name}' has not one answer for each golden row"
    for output in sorted(artefact.outputs, key=lambda output: output.role == "label"):  # for `_ties`
        answers, expected = got[output.name], golden.outputs[output.name]
        if output.role == "label" or answers.dtype.kind == "O":
            wrong = _wrong_labels(expected, answers) - _ties(artefact, golden)
        else:
            wrong = _wrong_numbers(expected, answers, output.role == "probabilities")
        if wrong:
            return f"golden row {min(wrong)}: '{output.name}' is not what the original model answered"
    return None


def _wrong_labels(expected: Sequence[Any], labels: Array) -> set[int]:
    pairs = zip(expected, labels.tolist(), strict=True)
    return {row for row, (wanted, label) in enumerate(pairs) if not _same(wanted, label)}


def _wrong_numbers(expected: Sequence[Any], numbers: Array, probabilities: bool) -> set[int]:
    try:
        wanted = np.array(expected, np.float64)
        got = numbers.astype(np.float64).reshape(wanted.shape)
    except (TypeError, ValueError):
        return {0}
    got = np.where(np.isfinite(got), got, np.nan)  # JSON has null for NaN and infinities alike
    excess = worst_excess(wanted, got, scale_of(wanted, probabilities))
    return set(np.nonzero(excess > 1.0)[0].tolist())


def scale_of(values: Array, probabilities: bool) -> float:
    """The scale of the rule of parity: 1 for probabilities, else the standard deviation of the finite values."""
    finite = values[np.isfinite(values)]
    if probabilities or not finite.size:
        return 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        spread = float(finite.std())
    return spread if np.isfinite(spread) and spread > 0.0 else 1.0


def _same(expected: Any, got: Any) -> bool:
    """Whether two labels are equal, or their lists for several targets; a list of one label equals the label."""
    if isinstance(got, list) and not isinstance(expected, list):
        got = got[0]
    return bool(expected == got)


def _ties(artefact: Artefact, golden: Golden) -> frozenset[int]:
    """The rows whose two best probabilities are so close that either label is right."""
    ties: set[int] = set()
    for name in artefact.output_names("probabilities"):
        probabilities = np.array(golden.outputs[name], np.float64)
        if probabilities.ndim == 2 and probabilities.shape[1] > 1:
            best = np.sort(probabilities, axis=1)[:, -2:]
            ties.update(np.nonzero(best[:, 1] - best[:, 0] < TIE)[0].tolist())
    return frozenset(ties)
