"""Exports what explains the words of a document by topics.

scikit-learn looks for the shares of a row round after round, and stops by itself. A graph goes all the rounds, and
leaves alone the rows that have stopped. Knows nothing of words.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import decomposition

from convert.errors import Refused
from convert.exporters.registry import TRANSFORMS, Exporter
from convert.graph.columns import Columns, columns
from convert.graph.graph import Tensor

RAISED = 6  # by so much scikit-learn raises what it takes the digamma of, where it is smaller
TINY = 1e-6  # below it scikit-learn's digamma is another
EPS = float(np.finfo(np.float64).eps)
MOST_ROUNDS = 200


def topics(e: Exporter, model: Any, x: Columns) -> Columns:
    """The shares of the topics in a document, round after round until its own change is small."""
    rounds, prior = int(model.max_doc_update_iter), float(model.doc_topic_prior_)
    if rounds > MOST_ROUNDS or prior <= TINY:
        raise Refused(
            f"max_doc_update_iter={rounds} with a prior of {prior} is not exported",
            f"fit with {MOST_ROUNDS} rounds or fewer, and a doc_topic_prior above {TINY}",
        )
    parts = np.asarray(model.exp_dirichlet_component_, np.float64)
    counts, count = x.numbers(), len(parts)
    shares = e.graph.zeros(counts) + np.ones((1, count))
    weights = _expected(shares, count)
    going: Tensor | None = None
    for _ in range(rounds):
        updated = weights * ((counts / (weights @ parts + EPS)) @ parts.T) + prior
        moved = (shares - updated).unary("Abs").reduce("ReduceMean") >= float(model.mean_change_tol)
        shares = updated if going is None else going.where(updated, shares)
        weights = _expected(shares, count)
        going = moved if going is None else going & moved
    return columns(shares / shares.reduce("ReduceSum"), count)


def _expected(shares: Tensor, count: int) -> Tensor:
    """``exp(digamma(shares) - digamma(their sum))``."""
    digammas = _digamma(shares @ np.hstack([np.eye(count), np.ones((count, 1))]))
    return (digammas @ np.vstack([np.eye(count), -np.ones((1, count))])).unary("Exp")


def _digamma(x: Tensor) -> Tensor:
    """Of positive numbers, raised by `RAISED`, and then the series that scikit-learn takes as well."""
    graph = x.graph
    steps = graph.op("Unsqueeze", x, graph.constant(np.array([2]))) + np.arange(float(RAISED))
    below = steps.unary("Reciprocal").reduce("ReduceSum", axis=2, keep=False)
    r = (x + float(RAISED)).unary("Reciprocal")
    square = r * r
    series = ((square * (1.0 / 252.0) - 1.0 / 120.0) * square + 1.0 / 12.0) * square + r * 0.5
    return -(r.unary("Log") + series + below)


TRANSFORMS.update({decomposition.LatentDirichletAllocation: topics})
