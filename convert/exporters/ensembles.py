"""Exports ensembles of any estimators: bagging, voting, stacking, AdaBoost, isolation forests."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import ensemble
from sklearn.ensemble._iforest import _average_path_length

from convert.errors import Refused
from convert.exporters.parts.forest import Forest
from convert.exporters.parts.shapes import column_of, indicator, placed, total
from convert.exporters.registry import PREDICTIONS, TRANSFORMS, Exporter, Prediction
from convert.exporters.trees import floor32, sum_of_trees
from convert.graph.columns import Columns, columns
from convert.graph.graph import Array, Tensor
from convert.inside import inside

ROUNDING = 1e-12  # of scores of about 1: two that differ do so by far more


def bagging_classifier(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The mean of the members' probabilities, or of their votes where they have none."""
    predictions = e.predict_inside(model, x)
    count, classes = float(len(predictions)), len(model.classes_)
    shares = [
        placed(_share(prediction, len(member.classes_)), member.classes_, classes)
        for member, prediction in zip(model.estimators_, predictions, strict=True)
    ]
    mean, scores = total(shares) / count, None
    if all(hasattr(member, "decision_function") for member in model.estimators_):
        scores = total([prediction.need("scores") for prediction in predictions]) / count
    return Prediction(index=mean.argmax(), probabilities=mean, scores=scores)


def _share(prediction: Prediction, classes: int) -> Tensor:
    return prediction.probabilities if prediction.probabilities is not None else _votes(prediction, classes)


def _votes(prediction: Prediction, classes: int) -> Tensor:
    return indicator(prediction.need("index"), classes)


def bagging_regressor(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The mean of the members."""
    values = [prediction.need("value") for prediction in e.predict_inside(model, x)]
    return Prediction(value=total(values) / float(len(values)))


def voting_classifier(e: Exporter, model: Any, x: Columns) -> Prediction:
    """Soft: the weighted mean of probabilities. Hard: the most votes, the lowest class on a tie."""
    predictions = e.predict_inside(model, x)
    if model.voting == "soft":
        mean = _weighted_sum(model, [prediction.need("probabilities") for prediction in predictions])
        mean = mean / sum(_weights(model))
        return Prediction(index=mean.argmax(), probabilities=mean)
    votes = [_votes(prediction, len(model.classes_)) for prediction in predictions]
    return Prediction(index=_weighted_sum(model, votes).argmax())


def _weighted_sum(model: Any, tensors: list[Tensor]) -> Tensor:
    return total([tensor * weight for tensor, weight in zip(tensors, _weights(model), strict=True)])


def _weights(model: Any) -> list[float]:
    weights = model._weights_not_none
    return [1.0] * len(model.estimators_) if weights is None else [float(weight) for weight in weights]


def voting_regressor(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The weighted mean of the members."""
    values = [prediction.need("value") for prediction in e.predict_inside(model, x)]
    return Prediction(value=_weighted_sum(model, values) / sum(_weights(model)))


def voting_transform(e: Exporter, model: Any, x: Columns) -> Columns:
    """What each member says: values, probabilities side by side, or the positions of the voted classes."""
    predictions = e.predict_inside(model, x)
    if isinstance(model, ensemble.VotingRegressor):
        parts = [column_of(prediction.need("value")) for prediction in predictions]
    elif model.voting == "hard":
        parts = [column_of(prediction.need("index").cast(np.float64)) for prediction in predictions]
    elif model.flatten_transform:
        parts = [prediction.need("probabilities") for prediction in predictions]
    else:
        raise Refused("flatten_transform=False gives three dimensions", "use flatten_transform=True")
    width = len(parts) * (len(model.classes_) if getattr(model, "voting", "") == "soft" else 1)
    return columns(e.graph.concat(parts), width)


def stacking_features(e: Exporter, model: Any, x: Columns) -> Columns:
    """The members' answers side by side, then the columns themselves if they are passed through."""
    classes = len(getattr(model, "classes_", ()))
    members = zip(model.estimators_, e.predict_inside(model, x), model.stack_method_, strict=True)
    answers = tuple(_answer(prediction, method, classes, member) for member, prediction, method in members)
    stacked = Columns(e.graph, answers)
    return stacked.beside(x) if model.passthrough else stacked


def _answer(prediction: Prediction, method: str, classes: int, member: Any) -> tuple[Tensor, int]:
    if method == "predict_proba":
        p = prediction.need("probabilities")
        return (p.take([1]), 1) if classes == 2 else (p, classes)
    if method == "decision_function":
        scores = prediction.need("scores")
        return (column_of(scores), 1) if classes == 2 else (scores, classes)
    if prediction.value is not None:
        return column_of(prediction.value), 1
    known = np.asarray(member.classes_)
    if known.dtype.kind not in "iufb":
        raise Refused("a member's predicted words are stacked as numbers", "stack members with probabilities")
    index = prediction.need("index")
    values = index.graph.constant(known.astype(np.float64))
    return column_of(index.graph.op("Gather", values, index, axis=0)), 1


def stacking_predict(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The last estimator on the members' answers."""
    final = inside(model)[-1]
    return e.predict(final.estimator, stacking_features(e, model, x), final.name)


def ada_classifier(e: Exporter, model: Any, x: Columns) -> Prediction:
    """Weighted votes, those against a class spread over the others."""
    classes = len(model.classes_)
    weights = [float(w) for w in model.estimator_weights_[: len(model.estimators_)]]
    if getattr(model, "algorithm", None) == "SAMME.R":  # until 1.5
        return _ada_scores(model, total(_probability_votes(e, model, x)) / float(len(model.estimators_)))
    against = 1.0 / (classes - 1) if classes == 2 or getattr(model, "_votes_against", True) else 0.0
    votes = []
    for member, prediction, w in zip(model.estimators_, e.predict_inside(model, x), weights, strict=True):
        own = _votes(prediction, len(member.classes_))
        chosen = placed(own, np.searchsorted(model.classes_, member.classes_), classes)
        votes.append(chosen * (w * (1 + against)) + (-w * against))
    return _ada_scores(model, total(votes) / float(np.sum(model.estimator_weights_)))


def _probability_votes(e: Exporter, model: Any, x: Columns) -> list[Tensor]:
    """Each member's logarithms of its probabilities, less their mean."""
    classes = len(model.classes_)
    least = e.graph.constant(np.finfo(np.float64).eps)
    votes = []
    for prediction in e.predict_inside(model, x):
        logs = e.graph.op("Max", prediction.need("probabilities"), least).unary("Log")
        votes.append((logs - logs.reduce("ReduceMean")) * float(classes - 1))
    return votes


def _ada_scores(model: Any, scores: Tensor) -> Prediction:
    classes = len(model.classes_)
    if classes > 2:
        p = (scores / (classes - 1.0)).unary("Softmax", axis=1)
        return Prediction(index=scores.argmax(), scores=scores, probabilities=p)
    both = scores @ np.array([[1.0, -1.0], [-1.0, 1.0]])
    return Prediction(index=both.argmax(), scores=both.column(1), probabilities=(both / 2.0).unary("Softmax", axis=1))


def ada_regressor(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The weighted median of the members: sorted by value, the first at which half the weight is reached."""
    members = [column_of(prediction.need("value")) for prediction in e.predict_inside(model, x)]
    values, count = e.graph.concat(members), len(members)
    weights = np.asarray(model.estimator_weights_[:count], np.float64)
    k = e.graph.constant(np.array([count], np.int64))
    ordered, order = e.graph.ops("TopK", values, k, dtypes=[np.float64, np.int64], axis=1, largest=0, sorted=1)
    sorted_weights = e.graph.op("Gather", e.graph.constant(weights), order, axis=0)
    reached = e.graph.op("CumSum", sorted_weights, e.graph.constant(np.int64(1)))
    index = (reached >= 0.5 * float(weights.sum())).cast(np.int64).argmax()
    return Prediction(value=e.graph.op("GatherElements", ordered, column_of(index), axis=1).reshape(-1))


def isolation_forest(e: Exporter, model: Any, x: Columns) -> Prediction:
    """Mean depth of the leaf over all trees, turned into a score; below the offset is an outlier.

    With ``contamination`` the offset is a quantile of the training scores, often the very score of rows that come
    again: there scikit-learn has 0, an inlier, and a graph, whose power is rounded otherwise, a little beside it.
    """
    forest = Forest()
    lengths_and_paths = zip(model._average_path_length_per_tree, model._decision_path_lengths, strict=True)
    members = zip(model.estimators_, model.estimators_features_, lengths_and_paths, strict=True)
    for member, features, (lengths, path) in members:
        depths = (np.asarray(path) + lengths - 1.0).reshape(-1, 1)
        nodes = member.tree_
        forest.add_sklearn(nodes, floor32(nodes.threshold), depths, features=np.asarray(features))
    depth = forest.emit(x.numbers(np.float32).cast(np.float64)).cast(np.float64).reshape(-1)
    denominator = len(model.estimators_) * float(_average_path_length([model._max_samples])[0])
    exponent = depth / -denominator if denominator else depth * 0.0
    scores = -(exponent * float(np.log(2.0))).unary("Exp") - float(model.offset_)
    label = (scores < -ROUNDING).where(np.int64(-1), e.graph.constant(np.int64(1)))
    return Prediction(label=label, scores=scores)


def trees_embedding(e: Exporter, model: Any, x: Columns) -> Columns:
    """One column per leaf of every tree: 1 for the leaf a row ends in."""
    leaves = [np.flatnonzero(member.tree_.children_left < 0) for member in model.estimators_]
    values: list[Array] = []
    width, start = sum(map(len, leaves)), 0
    for member, own in zip(model.estimators_, leaves, strict=True):
        value = np.zeros((member.tree_.node_count, width))
        value[own, start + np.arange(len(own))] = 1.0
        values.append(value)
        start += len(own)
    return columns(sum_of_trees(x, model.estimators_, values), width)


TRANSFORMS.update(
    {
        ensemble.StackingClassifier: stacking_features,
        ensemble.StackingRegressor: stacking_features,
        ensemble.VotingClassifier: voting_transform,
        ensemble.VotingRegressor: voting_transform,
        ensemble.RandomTreesEmbedding: trees_embedding,
    }
)
PREDICTIONS.update(
    {
        ensemble.AdaBoostClassifier: ada_classifier,
        ensemble.AdaBoostRegressor: ada_regressor,
        ensemble.BaggingClassifier: bagging_classifier,
        ensemble.BaggingRegressor: bagging_regressor,
        ensemble.IsolationForest: isolation_forest,
        ensemble.StackingClassifier: stacking_predict,
        ensemble.StackingRegressor: stacking_predict,
        ensemble.VotingClassifier: voting_classifier,
        ensemble.VotingRegressor: voting_regressor,
    }
)
