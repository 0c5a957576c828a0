"""Exports scikit-learn's own trees: compared in float32, as scikit-learn compares them. Knows nothing of boosters.

scikit-learn casts a row to float32 and asks ``x32 <= threshold`` with a float64 threshold; the largest float32 that is
not above the threshold answers the same for every float32, so the graph casts too and stores floored thresholds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn import ensemble, tree

from convert.exporters.parts.forest import Forest
from convert.exporters.registry import PREDICTIONS, Exporter, Prediction
from convert.graph.columns import Columns
from convert.graph.graph import Array, Tensor


def floor32(thresholds: Array) -> Array:
    """The largest float32 not above each float64."""
    nearest = np.asarray(thresholds, np.float64).astype(np.float32)
    return np.where(nearest > thresholds, np.nextafter(nearest, np.float32(-np.inf)), nearest)


def sum_of_trees(x: Columns, fitted: Sequence[Any], values: Sequence[Array], exact: bool = False) -> Tensor:
    """The sum over trees of ``values`` [nodes, targets], each looked up at the leaf a row ends in: [rows, targets].

    With ``exact`` the sum is taken in double (the comparison stays float32's), else in float32.
    """
    forest = Forest()
    for fit, value in zip(fitted, values, strict=True):
        forest.add_sklearn(fit.tree_, floor32(fit.tree_.threshold), value)
    single = x.numbers(np.float32)
    return forest.emit(single.cast(np.float64) if exact else single).cast(np.float64)


def regressor(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The mean over trees of the leaf's value; a vector for one target."""
    fitted = getattr(model, "estimators_", [model])
    values = [fit.tree_.value[:, :, 0] / len(fitted) for fit in fitted]
    summed = sum_of_trees(x, fitted, values)
    return Prediction(value=summed.reshape(-1) if model.n_outputs_ == 1 else summed)


def classifier(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The mean over trees of the leaf's class fractions; one prediction per target."""
    fitted = getattr(model, "estimators_", [model])
    if model.n_outputs_ == 1:
        return votes(x, fitted, [fit.tree_.value[:, 0, :] for fit in fitted])
    sizes = model.n_classes_
    return Prediction(
        targets=tuple(
            votes(x, fitted, [fit.tree_.value[:, target, : sizes[target]] for fit in fitted])
            for target in range(model.n_outputs_)
        )
    )


def votes(x: Columns, fitted: Sequence[Any], values: Sequence[Array]) -> Prediction:
    """The mean of the trees' class fractions. For two classes the second's is summed, the first's is what is left.

    Whole votes add up exactly in float32, fractions do not; a tie is a tie, and the first class's.
    """
    count, classes = len(fitted), values[0].shape[1]
    leaves = [value[fit.tree_.children_left < 0] for fit, value in zip(fitted, values, strict=True)]
    exact = any((leaf % 1).any() for leaf in leaves)
    if classes != 2:
        mean = sum_of_trees(x, fitted, values, exact) / float(count)
        return Prediction(index=mean.argmax(), probabilities=mean)
    second = sum_of_trees(x, fitted, [value[:, 1:] for value in values], exact)
    graph = second.graph
    share = graph.constant(np.array([[-1.0 / count, 1.0 / count]]))
    both = graph.op("Gemm", second, share, graph.constant(np.array([1.0, 0.0])))
    return Prediction(index=both.argmax(), probabilities=both)


CLASSIFIERS = (
    tree.DecisionTreeClassifier, tree.ExtraTreeClassifier, ensemble.RandomForestClassifier,
    ensemble.ExtraTreesClassifier,
)  # fmt: skip
REGRESSORS = (
    tree.DecisionTreeRegressor, tree.ExtraTreeRegressor, ensemble.RandomForestRegressor, ensemble.ExtraTreesRegressor,
)  # fmt: skip

PREDICTIONS.update(dict.fromkeys(CLASSIFIERS, classifier) | dict.fromkeys(REGRESSORS, regressor))
