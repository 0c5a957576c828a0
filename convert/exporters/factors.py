"""Exports what explains counts by factors without negative numbers: NMF, and how MiniBatchNMF looks for them.

scikit-learn looks in rounds, and stops when all rows of a call together hardly change. A graph goes all the rounds and
leaves alone each row that has stopped, so that it answers a row as scikit-learn does when that is asked alone. Where
scikit-learn goes on until nothing changes, the graph solves at once. Knows nothing of words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn import decomposition

from convert.errors import Refused
from convert.exporters.parts.text.products import multiplied
from convert.exporters.registry import TRANSFORMS, Exporter
from convert.exporters.stopping import is_settled
from convert.graph.columns import Columns, columns
from convert.graph.graph import Array, Tensor

MOST_STEPS = 4000  # rounds times factors: some 30,000 nodes
BETAS = {"frobenius": 2.0, "kullback-leibler": 1.0, "itakura-saito": 0.0}
EPSILON = float(np.finfo(np.float32).eps)  # scikit-learn's, which keeps quotients finite
SMALLEST = float(np.finfo(np.float64).eps)  # below it a factor is none, where the loss has poles
CHECKED_EVERY = 10  # rounds of multiplying


def factors(e: Exporter, model: Any, x: Columns) -> Columns:
    """Non-negative factors of each row: by one coordinate after another, or by multiplying."""
    parts = np.asarray(model.components_, np.float64)
    l1, _, l2, _ = model._compute_regularization(np.zeros((1, x.width)))
    if model.solver == "mu":
        update = _Multiplying(parts, BETAS.get(model.beta_loss, model.beta_loss), float(l1), float(l2), grows=True)
        _check_rounds(model, int(model.max_iter), len(parts))
        return columns(_multiplied(x.numbers(), update, int(model.max_iter), float(model.tol)), len(parts))
    gram = parts @ parts.T + float(l2) * np.eye(len(parts))
    aims = multiplied(x.numbers(), parts.T) - float(l1)
    if not is_settled(model):
        _check_rounds(model, int(model.max_iter), len(parts))
        return columns(_descended(aims, gram, _orders(model, len(parts)), float(model.tol)), len(parts))
    if np.linalg.matrix_rank(gram, hermitian=True) < len(gram):
        raise Refused(
            "its components depend on each other, so that many answers are as good", "fit with fewer components"
        )
    return columns(_least_squares(aims, gram), len(parts))


def mini_batch_factors(e: Exporter, model: Any, x: Columns) -> Columns:
    """By multiplying, until a row's own factors hardly change."""
    parts = np.asarray(model.components_, np.float64)
    l1, _, l2, _ = model._compute_regularization(np.zeros((1, x.width)))
    rounds = int(model.max_iter if model.transform_max_iter is None else model.transform_max_iter)
    _check_rounds(model, rounds, len(parts))
    update = _Multiplying(parts, BETAS.get(model.beta_loss, model.beta_loss), float(l1), float(l2))
    found = update.first(x.numbers())
    going = _Going()
    for number in range(rounds):
        new = update(x.numbers(), found, number)
        moved, size = new - found, (new * new).reduce("ReduceSum")
        rests = (moved * moved).reduce("ReduceSum") <= size * float(model.tol) ** 2 if model.tol > 0 else None
        found = going.keep(new, found, rests)
    return columns(found, len(parts))


def _check_rounds(model: Any, rounds: int, count: int) -> None:
    if rounds * count > MOST_STEPS:
        raise Refused(
            f"max_iter={rounds} with {count} factors is not exported",
            f"fit with max_iter={max(MOST_STEPS // count, 1)} or fewer, or with fewer components",
        )


class _Going:
    """Which rows have not stopped yet, from round to round."""

    def __init__(self) -> None:
        self._rows: Tensor | None = None  # [rows, 1]; None while all go on

    def keep(self, new: Tensor, old: Tensor, rests: Tensor | None) -> Tensor:
        """Of the rows that go on what is ``new``; ``rests`` [rows, 1]: which of these stop behind this round."""
        kept = new if self._rows is None else self._rows.where(new, old)
        if rests is not None:
            self._rows = ~rests if self._rows is None else self._rows & ~rests
        return kept


def _orders(model: Any, count: int) -> list[Array]:
    """In which order each round takes the coordinates."""
    if not model.shuffle:
        return [np.arange(count)] * int(model.max_iter)
    if not isinstance(model.random_state, int | np.integer):
        raise Refused("NMF with shuffle takes its coordinates in a random order", "fit with random_state=0")
    chance = np.random.RandomState(model.random_state)
    return [chance.permutation(count) for _ in range(int(model.max_iter))]


def _descended(aims: Tensor, gram: Array, orders: list[Array], tol: float) -> Tensor:
    """[rows, factors]: coordinate after coordinate, until the gradient is ``tol`` of what it was in the first round."""
    count = len(gram)
    single = [_coordinate(gram, at) for at in range(count)]
    shifts = [aims @ shift for _, shift in single]
    found, going, first = aims.graph.zeros(aims) + np.zeros((1, count)), _Going(), None
    for order in orders:
        new = found
        for at in order:
            new = (new @ single[at][0] + shifts[at]).unary("Relu")
        earlier = np.argsort(order)[:, None] < np.argsort(order)[None, :]
        pull = aims - new @ np.where(earlier, gram, 0.0) - found @ np.where(earlier, 0.0, gram)
        violation = found.equals(0.0).where(pull.unary("Relu"), pull.unary("Abs")).reduce("ReduceSum")
        first = violation if first is None else first
        found = going.keep(new, found, violation / first <= tol)
    return found


def _coordinate(gram: Array, at: int) -> tuple[Array, Array]:
    """How all factors, and the aims, make the one at this place; a component of zeros leaves it as it is."""
    step, shift = np.eye(len(gram)), np.zeros((len(gram), len(gram)))
    if gram[at, at] != 0:
        step[:, at] -= gram[:, at] / gram[at, at]
        step[at, at] = 0.0
        shift[at, at] = 1.0 / gram[at, at]
    return step, shift


@dataclass(frozen=True, slots=True)
class _Multiplying:
    """One round of multiplying: by what a loss of this ``beta`` asks of factors for ``parts`` [factors, columns].

    ``grows``: for one loss, NMF adds its penalty once more in each round.
    """

    parts: Array
    beta: float
    l1: float
    l2: float
    grows: bool = False

    def first(self, x: Tensor) -> Tensor:
        """[rows, factors]: all the same, by the mean of a row."""
        mean = (x.reduce("ReduceMean") / float(len(self.parts))).unary("Sqrt")
        return mean + np.zeros((1, len(self.parts)))

    def __call__(self, x: Tensor, found: Tensor, number: int) -> Tensor:
        """The factors behind the round of this ``number``."""
        above, below = self._quotient(x, found)
        if self.l1 > 0:
            below = below + self.l1 * (number + 1 if self.grows and self.beta == 1 else 1)
        if self.l2 > 0:
            below = below + found * self.l2
        grown = above / below.equals(0.0).where(np.float64(EPSILON), below)
        gamma = self._gamma()
        return found * (grown if gamma == 1 else grown**gamma)

    def _quotient(self, x: Tensor, found: Tensor) -> tuple[Tensor, Tensor]:
        if self.beta == 2:
            return multiplied(x, self.parts.T), found @ (self.parts @ self.parts.T)
        made = found @ self.parts
        above = x * (made if self.beta >= 2 else _at_least(made, EPSILON)) ** (self.beta - 2)
        if self.beta == 1:
            return above @ self.parts.T, found.graph.zeros(found) + self.parts.sum(axis=1)[None, :]
        below = (made if self.beta >= 1 else _at_least(made, EPSILON)) ** (self.beta - 1)
        return above @ self.parts.T, below @ self.parts.T

    def _gamma(self) -> float:
        if self.beta < 1:
            return 1.0 / (2.0 - self.beta)
        return 1.0 / (self.beta - 1.0) if self.beta > 2 else 1.0

    def error(self, x: Tensor, found: Tensor) -> Tensor:
        """[rows, 1]: how far what the factors make is from the rows."""
        made = found @ self.parts
        if self.beta == 2:
            return ((x - made) * (x - made)).reduce("ReduceSum").unary("Sqrt")
        counted = (x > EPSILON).where
        safe, beta = _at_least(made, EPSILON), self.beta
        if beta == 1:
            terms = counted(x * (x / safe).unary("Log") - x, np.float64(0.0)) + made
            far = terms.reduce("ReduceSum")
        elif beta == 0:
            terms = counted(x / safe - (x / safe).unary("Log"), np.float64(0.0))
            far = terms.reduce("ReduceSum") - float(self.parts.shape[1])
        else:
            terms = counted(x**beta - x * safe ** (beta - 1) * beta, np.float64(0.0)) + made**beta * (beta - 1)
            far = terms.reduce("ReduceSum") / (beta * (beta - 1))
        return (_at_least(far, 0.0) * 2.0).unary("Sqrt")


def _at_least(x: Tensor, least: float) -> Tensor:
    return (x < least).where(np.float64(least), x)


def _multiplied(x: Tensor, update: _Multiplying, rounds: int, tol: float) -> Tensor:
    """[rows, factors]: until the error falls by less than ``tol`` of the first in ten rounds."""
    found, going = update.first(x), _Going()
    first = before = update.error(x, found)
    for number in range(rounds):
        new = update(x, found, number)
        if update.beta < 1:
            new = (new < SMALLEST).where(np.float64(0.0), new)
        rests = None
        if tol > 0 and (number + 1) % CHECKED_EVERY == 0:
            error = update.error(x, new)
            rests, before = (before - error) / first < tol, error
        found = going.keep(new, found, rests)
    return found


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


TRANSFORMS.update({decomposition.MiniBatchNMF: mini_batch_factors, decomposition.NMF: factors})
