"""Owns which steps answer a row by the rows beside it, as scikit-learn stops when all rows of a call together rest.

Knows nothing of graphs and of how much answers differ.
"""

from __future__ import annotations

from typing import Any

from sklearn import decomposition

from convert.inside import inside

TOGETHER = 1e-8  # of a gradient: at a tolerance below it, that all rows of a call stop together shows in none
MOST_FACTORS = 10  # that are solved at once: each set of them is tried


def is_settled(model: Any) -> bool:
    """Whether an NMF goes on until nothing changes, so that what it finds are the factors that fit best."""
    return (
        type(model) is decomposition.NMF
        and model.solver == "cd"
        and model.tol <= TOGETHER
        and len(model.components_) <= MOST_FACTORS
    )


def stops_together(model: Any) -> Any | None:
    """The first step, in ``model`` or inside it, that answers a row otherwise beside others; None where none does."""
    if type(model) in (decomposition.NMF, decomposition.MiniBatchNMF):
        by_gradient = type(model) is decomposition.NMF and model.solver == "cd"
        return model if model.tol > (TOGETHER if by_gradient else 0) else None
    for part in inside(model):
        if not isinstance(part.estimator, str) and (found := stops_together(part.estimator)) is not None:
            return found
    return None
