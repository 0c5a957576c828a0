"""Exports what looks for near points: neighbours, label spreading, local outliers. Knows no kernels and no clusters."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import neighbors, semi_supervised

from convert.errors import Refused
from convert.exporters.parts.distances import distances, squared
from convert.exporters.parts.ties import ROUNDING, ROUNDING_BY_PRODUCT, about, mark_choice
from convert.exporters.registry import PREDICTIONS, TRANSFORMS, Exporter, Prediction
from convert.graph.columns import Columns, columns
from convert.graph.graph import Array, Tensor

MOST_CELLS = 25_000_000  # of remembered rows that were sparse: 200 MB of a file


def _points(model: Any) -> Array:
    points = model._fit_X
    if hasattr(points, "toarray"):
        if points.shape[0] * points.shape[1] > MOST_CELLS:
            raise Refused(
                f"its {points.shape[0]:,} rows of {points.shape[1]:,} columns are mostly zeros, and a file holds each",
                "fit on fewer words (max_features) or rows",
            )
        points = points.toarray()
    return np.asarray(points, np.float64)


def _all_distances(model: Any, x: Tensor) -> Tensor:
    if callable(model.effective_metric_):
        raise Refused("its metric is a function of your own", "use one of scikit-learn's metrics")
    return distances(x, _points(model), model.effective_metric_, model.effective_metric_params_.get("p", model.p))


def closest(
    model: Any, x: Tensor, count: int, values: Array | None = None, by_distance: bool = False
) -> tuple[Tensor, Tensor]:
    """Distances and positions of the ``count`` nearest training rows, nearest first.

    ``values``: [training rows, ...] what each adds to the answer, None if its position; ``by_distance``: a row at no
    distance outweighs all others.
    """
    far = _all_distances(model, x)
    k = x.graph.constant(np.array([count], np.int64))
    near, where = x.graph.ops("TopK", far, k, dtypes=[np.float64, np.int64], axis=1, largest=0, sorted=1)
    kth, size = near.take([count - 1]), size_of(_points(model))
    rounding = ROUNDING_BY_PRODUCT if model._fit_method == "brute" else ROUNDING
    found = (kth.equals(0.0) | ~near.take([0]).equals(0.0)) if by_distance else None
    mark_choice(far, about(far, kth, size, rounding), kth, count, values, found)
    return near, where


def size_of(points: Array) -> float:
    return float(np.max(np.abs(points), initial=0.0))


def _by_distance(model: Any) -> bool:
    if model.weights not in (None, "uniform", "distance"):
        raise Refused("its weights are a function of your own", "use weights='uniform' or 'distance'")
    return bool(model.weights == "distance")


def _inverse(far: Tensor, counted: Tensor | float = 1.0) -> Tensor:
    """The nearer, the heavier; a row at no distance outweighs all others."""
    zero = far.equals(0.0).cast(np.float64)
    return (zero.reduce("ReduceMax") > 0.5).where(zero, counted / far)


def neighbours_classifier(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The share of the nearest rows' classes, weighted where asked."""
    near, where = closest(model, x.numbers(), model.n_neighbors, model._y, _by_distance(model))
    weights = _inverse(near) if _by_distance(model) else None
    if not model.outputs_2d_:
        return _voted(where, weights, np.asarray(model._y).ravel(), len(model.classes_))
    targets = [
        _voted(where, weights, model._y[:, target], len(classes)) for target, classes in enumerate(model.classes_)
    ]
    return Prediction(targets=tuple(targets))


def _voted(where: Tensor, weights: Tensor | None, y: Array, classes: int) -> Prediction:
    """[rows, k] positions into votes: [rows, k, classes] summed over k."""
    graph = where.graph
    votes = graph.op("Gather", graph.constant(np.eye(classes)[y]), where, axis=0)
    if weights is not None:
        votes = votes * graph.op("Unsqueeze", weights, graph.constant(np.array([2])))
    counts = votes.reduce("ReduceSum", axis=1, keep=False)
    return Prediction(index=counts.argmax(), probabilities=counts / counts.reduce("ReduceSum"))


def neighbours_regressor(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The mean of the nearest rows' values, weighted where asked."""
    near, where = closest(model, x.numbers(), model.n_neighbors, model._y, _by_distance(model))
    y = np.asarray(model._y, np.float64)
    single = y.ndim == 1
    values = e.graph.op("Gather", e.graph.constant(y.reshape(len(y), -1)), where, axis=0)
    weights = _inverse(near) if _by_distance(model) else None
    if weights is None:
        mean = values.reduce("ReduceMean", axis=1, keep=False)
    else:
        wide = e.graph.op("Unsqueeze", weights, e.graph.constant(np.array([2])))
        mean = (values * wide).reduce("ReduceSum", axis=1, keep=False) / weights.reduce("ReduceSum")
    return Prediction(value=mean.reshape(-1) if single else mean)


def _within_radius(model: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    """[rows, training rows] distances, and 1 for each row within the radius, 0 beyond."""
    far = _all_distances(model, x)
    return far, (far <= float(model.radius)).cast(np.float64)


def radius_weights(model: Any, x: Tensor) -> Tensor:
    """[rows, training rows]: the weight of each row within the radius, 0 beyond."""
    far, inside = _within_radius(model, x)
    return _inverse(far, inside) if _by_distance(model) else inside


def radius_classifier(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The share of classes within the radius; a row with nobody near has the outlier label."""
    weights = radius_weights(model, x.numbers())
    if not model.outputs_2d_:
        return _within(model, weights, np.asarray(model._y).ravel(), np.asarray(model.classes_), 0)
    targets = zip(np.transpose(model._y), model.classes_, strict=True)
    return Prediction(
        targets=tuple(_within(model, weights, y, np.asarray(c), target) for target, (y, c) in enumerate(targets))
    )


def _within(model: Any, weights: Tensor, y: Array, classes: Array, target: int) -> Prediction:
    """Of one target. An outlier label that is no class has no probability."""
    if model.outlier_label_ is None:
        raise Refused("a row without neighbours has no answer", "set outlier_label to a class, or 'most_frequent'")
    counts = weights @ np.eye(len(classes))[y]
    summed = counts.reduce("ReduceSum")
    lonely = summed.equals(0.0)
    label = np.ravel(np.asarray(model.outlier_label_, classes.dtype))[target]
    chosen = (classes == label).astype(np.float64).reshape(1, -1)
    probabilities = lonely.where(chosen, counts / lonely.where(np.float64(1.0), summed))
    index = probabilities.argmax()
    if chosen.any():
        return Prediction(index=index, probabilities=probabilities)
    values = classes.astype(np.int64 if classes.dtype.kind in "iu" else object if classes.dtype.kind in "OU" else float)
    graph = weights.graph
    known = graph.op("Gather", graph.constant(values), index, axis=0)
    return Prediction(label=lonely.reshape(-1).where(values.dtype.type(label), known), probabilities=probabilities)


def radius_regressor(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The mean of the values within the radius; with nobody near NaN, or what whole numbers make of it."""
    weights = radius_weights(model, x.numbers())
    y = np.asarray(model._y, np.float64)
    with np.errstate(invalid="ignore"):
        nothing = np.full_like(model._y[:1].reshape(1, -1), np.nan).astype(np.float64)
    summed = weights.reduce("ReduceSum")
    mean = summed.equals(0.0).where(nothing, (weights @ y.reshape(len(y), -1)) / summed)
    return Prediction(value=mean.reshape(-1) if y.ndim == 1 else mean)


def local_outlier(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The density round a row against that round its neighbours."""
    if not model.novelty:
        raise Refused("LocalOutlierFactor scores only its own training rows", "fit with novelty=True")
    reaches = np.asarray(model._distances_fit_X_[:, model.n_neighbors_ - 1], np.float64)
    near, where = closest(model, x.numbers(), model.n_neighbors_, np.stack([reaches, model._lrd], axis=1))
    graph = e.graph
    reach = graph.op("Gather", graph.constant(reaches), where, axis=0)
    density = 1.0 / (graph.op("Max", near, reach).reduce("ReduceMean") + 1e-10)
    others = graph.op("Gather", graph.constant(np.asarray(model._lrd, np.float64)), where, axis=0)
    scores = -(others / density).reduce("ReduceMean", keep=False) - float(model.offset_)
    return Prediction(label=(scores < 0.0).where(np.int64(-1), graph.constant(np.int64(1))), scores=scores)


def neighbours_transform(e: Exporter, model: Any, x: Columns) -> Columns:
    """The graph of neighbours as a dense matrix: 1, or the distance, at each near training row."""
    extra = 1 if model.mode == "distance" else 0
    near, where = closest(model, x.numbers(), model.n_neighbors + extra)
    count = len(_points(model))
    at = e.graph.op("Unsqueeze", where, e.graph.constant(np.array([2]))).equals(np.arange(count)).cast(np.float64)
    if extra:
        at = at * e.graph.op("Unsqueeze", near, e.graph.constant(np.array([2])))
    return columns(at.reduce("ReduceSum", axis=1, keep=False), count)


def radius_transform(e: Exporter, model: Any, x: Columns) -> Columns:
    """As above, for all training rows within the radius."""
    far, inside = _within_radius(model, x.numbers())
    return columns(inside * far if model.mode == "distance" else inside, len(_points(model)))


def label_spreading(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The labels of the training rows, weighted by nearness."""
    remembered = model.X_.toarray() if hasattr(model.X_, "toarray") else model.X_
    matrix, points = x.numbers(), np.asarray(remembered, np.float64)
    if model.kernel == "rbf":
        weights = (squared(matrix, points) * -float(model.gamma)).unary("Exp")
        counts = weights @ np.asarray(model.label_distributions_)
    elif model.kernel == "knn":
        _, where = closest(model.nn_fit, matrix, model.n_neighbors, model.label_distributions_)
        known = e.graph.constant(np.asarray(model.label_distributions_))
        counts = e.graph.op("Gather", known, where, axis=0).reduce("ReduceSum", axis=1, keep=False)
    else:
        raise Refused("its kernel is a function of your own", "use 'rbf' or 'knn'")
    return Prediction(index=counts.argmax(), probabilities=counts / counts.reduce("ReduceSum"))


TRANSFORMS.update(
    {neighbors.KNeighborsTransformer: neighbours_transform, neighbors.RadiusNeighborsTransformer: radius_transform}
)
PREDICTIONS.update(
    dict.fromkeys((semi_supervised.LabelPropagation, semi_supervised.LabelSpreading), label_spreading)
    | {
        neighbors.KNeighborsClassifier: neighbours_classifier,
        neighbors.KNeighborsRegressor: neighbours_regressor,
        neighbors.LocalOutlierFactor: local_outlier,
        neighbors.RadiusNeighborsClassifier: radius_classifier,
        neighbors.RadiusNeighborsRegressor: radius_regressor,
    }
)
