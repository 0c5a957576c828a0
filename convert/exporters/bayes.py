"""Exports models that compare the likelihoods of classes: naive Bayes, discriminant analysis, mixtures, centroids."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import discriminant_analysis, mixture, naive_bayes, neighbors

from convert.errors import Refused
from convert.exporters.linear import product
from convert.exporters.parts.distances import distances
from convert.exporters.parts.ties import mark_nearest
from convert.exporters.registry import PREDICTIONS, TRANSFORMS, Exporter, Prediction
from convert.graph.columns import Columns, columns
from convert.graph.graph import Array, Tensor


def likeliest(logs: Tensor, classes: int, scored: bool = False) -> Prediction:
    """Logarithms of class likelihoods [rows, classes], up to a constant per row."""
    scores = None
    if scored:
        scores = logs if classes > 2 else logs.column(1) - logs.column(0)
    return Prediction(index=logs.argmax(), probabilities=logs.unary("Softmax", axis=1), scores=scores)


def compared(logs: Tensor) -> Prediction:
    """As `likeliest`, with probabilities as scikit-learn takes them: ``exp(logs - logsumexp(logs))``.

    That loses the digits of a sure probability, and so beside 1 it takes few values; a curve behind may step there.
    """
    top = logs.reduce("ReduceMax")
    first = logs >= top
    several = first.cast(np.float64).reduce("ReduceSum")
    beside = first.where(np.float64(0.0), (logs - top).unary("Exp")).reduce("ReduceSum") / several
    whole = _log_of_one_more(beside) + several.unary("Log") + top
    return Prediction(index=logs.argmax(), probabilities=(logs - whole).unary("Exp"))


def _log_of_one_more(x: Tensor) -> Tensor:
    """``log1p``, to the last digits: what ``1 + x`` rounds off is taken into account."""
    one_more = x + 1.0
    lost = one_more.equals(1.0)
    return lost.where(x, one_more.unary("Log") * x / lost.where(np.float64(1.0), one_more - 1.0))


def spread(x: Tensor, means: Array) -> Tensor:
    """[rows, means, columns]: each row's difference from each mean."""
    return x.graph.op("Unsqueeze", x, x.graph.constant(np.array([1]))) - means[None]


def gaussian(e: Exporter, model: Any, x: Columns) -> Prediction:
    """Independent normal columns."""
    parts = spread(x.numbers(), model.theta_)
    distance = (parts * parts / model.var_[None]).reduce("ReduceSum", axis=2, keep=False)
    prior = np.log(model.class_prior_) - 0.5 * np.log(2.0 * np.pi * model.var_).sum(axis=1)
    return compared(distance * -0.5 + prior)


def multinomial(e: Exporter, model: Any, x: Columns) -> Prediction:
    """Counts times log probabilities."""
    return compared(product(x.numbers(), model.feature_log_prob_.T, model.class_log_prior_))


def complement(e: Exporter, model: Any, x: Columns) -> Prediction:
    """As multinomial, with the other classes' weights and no prior."""
    prior = model.class_log_prior_ if len(model.classes_) == 1 else np.zeros(len(model.classes_))
    return compared(product(x.numbers(), model.feature_log_prob_.T, prior))


def bernoulli(e: Exporter, model: Any, x: Columns) -> Prediction:
    """Whether each column is above the limit."""
    values = x.numbers()
    if model.binarize is not None:
        values = (values > float(model.binarize)).cast(np.float64)
    absent = np.log(1 - np.exp(model.feature_log_prob_))
    weights = (model.feature_log_prob_ - absent).T
    return compared(product(values, weights, model.class_log_prior_ + absent.sum(axis=1)))


def categorical(e: Exporter, model: Any, x: Columns) -> Prediction:
    """Each column is the position of a category; scikit-learn cuts decimals off."""
    codes = x.numbers().cast(np.int64)
    home = [column for column, logs in enumerate(model.feature_log_prob_) for _ in range(logs.shape[1])]
    values = np.concatenate([np.arange(logs.shape[1]) for logs in model.feature_log_prob_])
    here = codes.take(home).equals(values).cast(np.float64)
    weights = np.concatenate([logs.T for logs in model.feature_log_prob_])
    absent = np.maximum(weights, np.finfo(np.float64).min)  # 0 * -inf would be no number
    return compared(here @ absent + model.class_log_prior_)


def quadratic(e: Exporter, model: Any, x: Columns) -> Prediction:
    """A normal distribution per class, each turned to its own axes."""
    matrix = x.numbers()
    squares = []
    for mean, rotation, scaling in zip(model.means_, model.rotations_, model.scalings_, strict=True):
        turned = (matrix - mean) @ np.asarray(rotation * scaling**-0.5)
        squares.append((turned * turned).reduce("ReduceSum"))
    sizes = np.array([np.log(scaling).sum() for scaling in model.scalings_])
    logs = e.graph.concat(squares) * -0.5 + (np.log(model.priors_) - 0.5 * sizes)
    return likeliest(logs, len(model.classes_), scored=True)


def discriminant_transform(e: Exporter, model: Any, x: Columns) -> Columns:
    """The axes that part the classes best."""
    if model.solver == "lsqr":
        raise Refused("solver='lsqr' has no transform", "fit with 'svd' or 'eigen'")
    matrix = x.numbers() - model.xbar_ if model.solver == "svd" else x.numbers()
    weights = np.asarray(model.scalings_)[:, : model._max_components]
    return columns(matrix @ weights, weights.shape[1])


def nearest_centroid(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The nearest centroid; with unequal priors by the same score as its probabilities."""
    matrix, classes = x.numbers(), len(model.classes_)
    even = bool(np.isclose(model.class_prior_, 1 / classes).all())
    width = np.where(model.within_class_std_dev_ != 0, model.within_class_std_dev_, 1.0)
    scaled = distances(matrix / np.asarray(width), np.asarray(model.centroids_) / width, model.metric)
    logs = 2.0 * np.log(model.class_prior_) - scaled * scaled
    prediction = likeliest(logs, classes, scored=model.metric == "euclidean")
    probabilities = prediction.probabilities if model.metric == "euclidean" else None
    near = distances(matrix, model.centroids_, model.metric)
    mark_nearest(near, float(np.max(np.abs(model.centroids_), initial=0.0)))
    index = e.graph.op("ArgMin", near, dtype=np.int64, axis=1, keepdims=0) if even else prediction.index
    return Prediction(index=index, probabilities=probabilities, scores=prediction.scores)


def gaussian_mixture(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The likeliest component of a mixture of normal distributions, as a cluster."""
    matrix, means = x.numbers(), model.means_
    components = list(zip(means, _factors(means, model.precisions_cholesky_, model.covariance_type), strict=True))
    turned = [(matrix - mean) @ factor for mean, factor in components]
    squares = e.graph.concat([(deviation * deviation).reduce("ReduceSum") for deviation in turned])
    # What does not depend on the row is taken from the original at its own first mean: one number per component.
    at = means[:1]
    own = np.stack([(((at - mean) @ factor) ** 2).sum(axis=1) for mean, factor in components], axis=1)
    offset = model._estimate_log_prob(at) + model._estimate_log_weights() - (-0.5 * own)
    prediction = compared(squares * -0.5 + offset)
    return Prediction(label=prediction.index, probabilities=prediction.probabilities)


def _factors(means: Array, precisions: Array, kind: str) -> list[Array]:
    """The matrix that turns a difference from each mean into standard deviations."""
    if kind == "full":
        return list(precisions)
    if kind == "tied":
        return [precisions] * len(means)
    if kind == "diag":
        return [np.diag(precision) for precision in precisions]
    return [np.eye(means.shape[1]) * precision for precision in precisions]


TRANSFORMS.update({discriminant_analysis.LinearDiscriminantAnalysis: discriminant_transform})
PREDICTIONS.update(
    {
        naive_bayes.GaussianNB: gaussian,
        naive_bayes.MultinomialNB: multinomial,
        naive_bayes.ComplementNB: complement,
        naive_bayes.BernoulliNB: bernoulli,
        naive_bayes.CategoricalNB: categorical,
        discriminant_analysis.QuadraticDiscriminantAnalysis: quadratic,
        neighbors.NearestCentroid: nearest_centroid,
        mixture.GaussianMixture: gaussian_mixture,
        mixture.BayesianGaussianMixture: gaussian_mixture,
    }
)
