"""Exports what explains counts by parts: topics of documents, factors without negative numbers.

scikit-learn looks for the shares of a row round after round, and stops by itself. A graph goes all the rounds, and
leaves alone the rows that have stopped, or it solves at once. Knows nothing of words.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import decomposition

from convert.errors import Refused
from convert.exporters.parts.text.products import multiplied
from convert.exporters.registry import TRANSFORMS, Exporter
from convert.graph.columns import Columns, columns
from convert.graph.graph import Array, Tensor

RAISED = 6  # by so much scikit-learn raises what it takes the digamma of, where it is smaller
TINY = 1e-6  # below it scikit-learn's digamma is another
EPS = float(np.finfo(np.float64).eps)
MOST_ROUNDS = 200
MOST_FACTORS = 10  # each set of them is tried
TOGETHER = 1e-8  # at a tolerance below it, that all rows of a call stop together shows in none


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


def factors(e: Exporter, model: Any, x: Columns) -> Columns:
    """Non-negative least squares of each row.

    scikit-learn looks for them in rounds, and stops when all rows of a call together hardly change, so that a row's
    answer hangs on those beside it; not any more where it goes on until nothing changes.
    """
    parts = np.asarray(model.components_, np.float64)
    if model.solver != "cd" or len(parts) > MOST_FACTORS or model.tol > TOGETHER:
        raise Refused(
            f"NMF with solver={model.solver!r}, tol={model.tol} and {len(parts)} components is not exported: an answer "
            "hangs on the rows that are asked beside it, as it stops when all together rest",
            f"fit with solver='cd', tol=1e-9, max_iter=5000 and at most {MOST_FACTORS} components",
        )
    l1, _, l2, _ = model._compute_regularization(np.zeros((1, x.width)))
    gram = parts @ parts.T + float(l2) * np.eye(len(parts))
    if np.linalg.matrix_rank(gram, hermitian=True) < len(gram):
        raise Refused(
            "its components depend on each other, so that many answers are as good", "fit with fewer components"
        )
    return columns(_least_squares(multiplied(x.numbers(), parts.T) - float(l1), gram), len(parts))


def _least_squares(aims: Tensor, gram: Array) -> Tensor:
    """[rows, factors]: of all sets of factors, solved as if others were none, the best without a negative one."""
    count = len(gram)
    solved = []
    for number in range(1 << count):
        chosen = [at for at in range(count) if number >> at & 1]
        solution = np.zeros((count, count))
        solution[np.ix_(chosen, chosen)] = np.linalg.inv(gram[np.ix_(chosen, chosen)])
        solved.append(solution)
    graph = aims.graph
    found = (aims @ np.concatenate(solved, axis=1)).reshape(0, len(solved), count)
    gained = (found * graph.op("Unsqueeze", aims, graph.constant(np.array([1])))).reduce("ReduceSum", 2, keep=False)
    allowed = found.reduce("ReduceMin", 2, keep=False) >= 0.0
    best = allowed.where(gained, np.float64(-np.inf)).argmax()
    at = best.reshape(-1, 1).equals(np.arange(len(solved))).cast(np.float64)
    return (found * graph.op("Unsqueeze", at, graph.constant(np.array([2])))).reduce("ReduceSum", 1, keep=False)


def mini_batch_factors(e: Exporter, model: Any, x: Columns) -> Columns:
    """Refused: its multiplications stop when all rows of a call together hardly change."""
    raise Refused(
        "an answer of MiniBatchNMF hangs on the rows that are asked beside it: it stops when all together rest",
        "use NMF with tol=1e-9 and max_iter=5000",
    )


TRANSFORMS.update(
    {
        decomposition.LatentDirichletAllocation: topics,
        decomposition.MiniBatchNMF: mini_batch_factors,
        decomposition.NMF: factors,
    }
)
