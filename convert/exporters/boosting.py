"""Exports scikit-learn's gradient boosting: trees summed in double, the link as plain nodes. Knows nothing of forests.

GradientBoosting compares in float32 as all trees of ``sklearn.tree`` do; HistGradientBoosting compares in double.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import dummy, ensemble

from convert.exporters.encoders import ordinal
from convert.exporters.parts.forest import Forest, Leaves
from convert.exporters.parts.links import inverse_link, link
from convert.exporters.parts.sets import HALF, CategorySplits, bits_of
from convert.exporters.parts.shapes import column_of, pair
from convert.exporters.registry import PREDICTIONS, Exporter, Prediction
from convert.exporters.trees import floor32
from convert.graph.columns import Columns
from convert.graph.graph import Array, Tensor

EPSILON = np.finfo(np.float64).eps  # scikit-learn clips the first guess's probabilities to [EPSILON, 1 - EPSILON]


def gradient_raw(e: Exporter, model: Any, x: Columns) -> Tensor:
    """[rows, 1 or classes]: the first guess plus the shrunken trees."""
    forest = Forest()
    stages, outputs = model.estimators_.shape
    known = _known_guess(model)
    for stage in range(stages):
        for output in range(outputs):
            nodes = model.estimators_[stage, output].tree_
            values = np.zeros((nodes.node_count, outputs))
            values[:, output] = model.learning_rate * nodes.value[:, 0, 0]
            if known is not None and stage == 0:  # added in scikit-learn's order, so that not even a last digit differs
                values[:, output] += known[output]
            forest.add_sklearn(nodes, floor32(nodes.threshold), values)
    trees = forest.emit(x.numbers(np.float32).cast(np.float64)).cast(np.float64)
    return trees if known is not None else trees + _first_guess(e, model, x)


def _known_guess(model: Any) -> Array | None:
    """The first guess of each output, where it is the same for every row."""
    usual = type(model.init_) is dummy.DummyRegressor or (
        type(model.init_) is dummy.DummyClassifier and model.init_.strategy == "prior"
    )
    if not usual:
        return None
    return np.asarray(model._raw_predict_init(np.zeros((1, model.n_features_in_), np.float32)), np.float64).ravel()


def _first_guess(e: Exporter, model: Any, x: Columns) -> Tensor | Array:
    if isinstance(model.init_, str):
        return np.zeros(1)
    prediction = e.predict(model.init_, x, "init")
    if prediction.value is not None:
        return column_of(link(model._loss, prediction.value))
    p = prediction.need("probabilities")
    p = p if model._loss.is_multiclass else p.take([1])
    low, high = e.graph.constant(EPSILON), e.graph.constant(1 - EPSILON)
    return link(model._loss, e.graph.op("Clip", p, low, high))


def _classes(loss: Any, raw: Tensor, outputs: int, tie_is_second: bool) -> Prediction:
    if outputs > 1:
        return Prediction(index=raw.argmax(), scores=raw, probabilities=inverse_link(loss, raw))
    single = raw.reshape(-1)
    index = (single >= 0.0 if tie_is_second else single > 0.0).cast(np.int64)
    return Prediction(index=index, scores=single, probabilities=pair(inverse_link(loss, single)))


def gradient_classifier(e: Exporter, model: Any, x: Columns) -> Prediction:
    """A raw score of exactly 0 is the second class's here."""
    return _classes(model._loss, gradient_raw(e, model, x), model.estimators_.shape[1], tie_is_second=True)


def gradient_regressor(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The raw sum is the answer."""
    return Prediction(value=gradient_raw(e, model, x).reshape(-1))


def hist_raw(e: Exporter, model: Any, x: Columns) -> Tensor:
    """[rows, 1 or classes]. A split on categories becomes a column of its own."""
    matrix = _preprocessed(e, model, x)
    codes = CategorySplits(matrix, int(model.n_features_in_))
    forest = Forest()
    outputs = model.n_trees_per_iteration_
    baseline = np.asarray(model._baseline_prediction, np.float64).reshape(1, -1)
    for place, stage in enumerate(model._predictors):
        for output, predictor in enumerate(stage):
            nodes = predictor.nodes
            leaf = nodes["is_leaf"].astype(np.bool_)
            values = np.zeros((len(nodes), outputs))
            values[:, output] = nodes["value"] + (baseline[0, output] if place == 0 else 0.0)  # in scikit-learn's order
            split = nodes["is_categorical"].astype(np.bool_) & ~leaf
            features, thresholds = nodes["feature_idx"].copy(), nodes["num_threshold"].copy()
            for node in np.flatnonzero(split):
                left = bits_of(predictor.raw_left_cat_bitsets[nodes["bitset_idx"][node]])
                features[node], thresholds[node] = codes.column(int(features[node]), left), HALF
            forest.add(
                features=features,
                thresholds=thresholds,
                left=nodes["left"],
                right=nodes["right"],
                missing_left=nodes["missing_go_to_left"],
                leaves=Leaves(leaf, values),
            )
    return forest.emit(codes.extended()).cast(np.float64)


def _preprocessed(e: Exporter, model: Any, x: Columns) -> Tensor:
    """Categorical columns come first, as their positions among the categories; then the numbers."""
    if model._preprocessor is None:
        return x.numbers()
    mask = np.asarray(model.is_categorical_)
    encoder = model._preprocessor.named_transformers_["encoder"]
    first = ordinal(e, encoder, x.take(np.flatnonzero(mask)))
    if mask.all():
        return first.numbers()
    return first.beside(x.take(np.flatnonzero(~mask))).numbers()


def hist_classifier(e: Exporter, model: Any, x: Columns) -> Prediction:
    """A raw score of exactly 0 is the first class's here."""
    return _classes(model._loss, hist_raw(e, model, x), model.n_trees_per_iteration_, tie_is_second=False)


def hist_regressor(e: Exporter, model: Any, x: Columns) -> Prediction:
    """Some losses predict a logarithm."""
    return Prediction(value=inverse_link(model._loss, hist_raw(e, model, x).reshape(-1)))


PREDICTIONS.update(
    {
        ensemble.GradientBoostingClassifier: gradient_classifier,
        ensemble.GradientBoostingRegressor: gradient_regressor,
        ensemble.HistGradientBoostingClassifier: hist_classifier,
        ensemble.HistGradientBoostingRegressor: hist_regressor,
    }
)
