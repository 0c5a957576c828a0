"""Exports what writes a row as a sum of few others: sparse coding by a dictionary, locally linear embedding.

scikit-learn solves a small system for each row; the graph solves it by the same steps. Knows nothing of how
dictionaries and embeddings are found.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import decomposition, manifold

from convert.errors import Refused
from convert.exporters.neighbors import closest
from convert.exporters.parts.solving import Factor
from convert.exporters.registry import TRANSFORMS, Exporter
from convert.graph.columns import Columns, columns
from convert.graph.graph import Array, Tensor

EPS = float(np.finfo(np.float64).eps)  # below it scikit-learn takes what is left of a row for nothing
ROUNDING = 1e-9  # two parts of a row that differ by less of it are equal
MOST_PARTS = 10
MOST_NEIGHBOURS = 20


def sparse_code(e: Exporter, model: Any, x: Columns) -> Columns:
    """How much of each line of the dictionary is in a row."""
    known = model.components_ if hasattr(model, "components_") else model.dictionary
    dictionary = np.asarray(known, np.float64)
    covariances = x.numbers() @ dictionary.T
    match model.transform_algorithm:
        case "threshold":
            codes = _above(covariances, _alpha(model), bool(model.positive_code))
        case "omp":
            codes = _pursued(covariances, dictionary @ dictionary.T, _parts(model, dictionary))
        case other:
            raise Refused(
                f"transform_algorithm={other!r} is not exported", "fit with transform_algorithm='omp' or 'threshold'"
            )
    if not model.split_sign:
        return columns(codes, len(dictionary))
    zero = e.graph.constant(0.0)
    sides = [e.graph.op("Max", codes, zero), e.graph.op("Max", -codes, zero)]
    return columns(e.graph.concat(sides), 2 * len(dictionary))


def _alpha(model: Any) -> float:
    given = model.transform_alpha if model.transform_alpha is not None else getattr(model, "alpha", None)
    return 1.0 if given is None else float(given)


def _above(covariances: Tensor, alpha: float, positive: bool) -> Tensor:
    graph, zero = covariances.graph, covariances.graph.constant(0.0)
    codes = covariances.unary("Sign") * graph.op("Max", covariances.unary("Abs") - alpha, zero)
    return graph.op("Max", codes, zero) if positive else codes


def _parts(model: Any, dictionary: Array) -> int:
    """Of how many lines a row is made at most. Raises Refused for more than are exported."""
    given = model.transform_n_nonzero_coefs
    count = int(min(max(dictionary.shape[1] / 10, 1), len(dictionary)) if given is None else given)
    if count > MOST_PARTS:
        raise Refused(
            f"rows are made of {count} lines of the dictionary each, and at most {MOST_PARTS} are exported",
            f"fit with transform_n_nonzero_coefs={MOST_PARTS} or fewer",
        )
    return count


def _pursued(covariances: Tensor, gram: Array, count: int) -> Tensor:
    """[rows, lines]: one line after the other, each that of which most is left, and all of them fitted anew."""
    graph, lines, factor = covariances.graph, np.arange(len(gram)), Factor()
    chosen: list[Tensor] = []
    right: list[Tensor] = []
    left, going = covariances, None
    codes: Tensor = covariances * 0.0
    for _ in range(count):
        sizes = left.unary("Abs")
        most = sizes.reduce("ReduceMax")
        at = sizes.argmax().reshape(-1, 1).equals(lines).cast(np.float64)
        _mark_equals(sizes, most, going)
        goes = most * most >= EPS
        for earlier in chosen:
            goes = goes & ((earlier * at).reduce("ReduceSum") < 0.5)
        row = at @ gram
        found, square = factor.line(
            [(row * earlier).reduce("ReduceSum") for earlier in chosen], (row * at).reduce("ReduceSum")
        )
        goes = goes & (square > EPS) if chosen else goes
        going = goes if going is None else going & goes
        factor.add([going.where(entry, 0.0) for entry in found], going.where(square, 1.0))
        chosen.append(at)
        right.append(going.where((covariances * at).reduce("ReduceSum"), 0.0))
        codes = _summed([part * solved for part, solved in zip(chosen, factor.solve(right), strict=True)])
        left = covariances - codes @ gram
    return graph.op("Identity", codes)


def _mark_equals(sizes: Tensor, most: Tensor, going: Tensor | None) -> None:
    """Which of two equal parts is the larger is decided by rounding."""
    near = (sizes >= most * (1.0 - ROUNDING)).cast(np.float64).reduce("ReduceSum") > 1.5
    near = near & (most * most >= EPS)
    sizes.graph.mark((near if going is None else near & going).reshape(-1))


def _summed(tensors: list[Tensor]) -> Tensor:
    whole = tensors[0]
    for tensor in tensors[1:]:
        whole = whole + tensor
    return whole


def embedded(e: Exporter, model: Any, x: Columns) -> Columns:
    """The nearest rows' places, so weighted that the row is the sum of these rows."""
    count = int(model.n_neighbors)
    if count > MOST_NEIGHBOURS:
        raise Refused(
            f"{count} neighbours are more than the {MOST_NEIGHBOURS} that are exported",
            f"fit with n_neighbors={MOST_NEIGHBOURS} or fewer",
        )
    places = np.asarray(model.embedding_, np.float64)
    points = np.asarray(model.nbrs_._fit_X, np.float64)
    graph, rows = e.graph, x.numbers()
    _, where = closest(model.nbrs_, rows, count, places)
    second = graph.constant(np.array([1]))
    apart = graph.op("Gather", graph.constant(points), where, axis=0) - graph.op("Unsqueeze", rows, second)
    products = graph.op("MatMul", apart, graph.op("Transpose", apart, perm=[0, 2, 1])).reshape(-1, count * count)
    trace = products.take(np.arange(count) * (count + 1)).reduce("ReduceSum")
    added = (trace > 0.0).where(trace * float(model.reg), np.float64(model.reg))
    factor = Factor()
    for at in range(count):
        entries = [products.take([at * count + other]) for other in range(at)]
        factor.add(*factor.line(entries, products.take([at * count + at]) + added))
    ones = graph.zeros(rows) + 1.0
    weights = graph.concat(factor.solve([ones] * count))
    weights = weights / weights.reduce("ReduceSum")
    near = graph.op("Gather", graph.constant(places), where, axis=0)
    third = graph.constant(np.array([2]))
    made = (near * graph.op("Unsqueeze", weights, third)).reduce("ReduceSum", axis=1, keep=False)
    return columns(made, places.shape[1])


TRANSFORMS.update(
    {
        decomposition.DictionaryLearning: sparse_code,
        decomposition.MiniBatchDictionaryLearning: sparse_code,
        decomposition.SparseCoder: sparse_code,
        manifold.LocallyLinearEmbedding: embedded,
    }
)
