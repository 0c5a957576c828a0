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


def _members(model: Any, x: Columns) -> list[tuple[str, Any, Columns]]:
    chosen = zip(model.estimators_, model.estimators_features_, strict=True)
    width = model.n_features_in_
    return [
        (str(i), one, x if list(features) == list(range(width)) else x.take(features))
        for i, (one, features) in enumerate(chosen)
    ]


def bagging_classifier(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The mean of the members' probabilities, or of their votes where they have none."""
    members = [(one, e.predict(one, part, name)) for name, one, part in _members(model, x)]
    classes = len(model.classes_)
    shares = [placed(_share(found, len(one.classes_)), one.classes_, classes) for one, found in members]
    mean = total(shares) / float(len(members))
    scores = None
    if all(hasattr(one, "decision_function") for one, _ in members):
        scores = total([found.need("scores") for _, found in members]) / float(len(members))
    return Prediction(index=mean.argmax(), probabilities=mean, scores=scores)


def _share(found: Prediction, classes: int) -> Tensor:
    return found.probabilities if found.probabilities is not None else indicator(found.need("index"), classes)


def bagging_regressor(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The mean of the members."""
    values = [e.predict(one, part, name).need("value") for name, one, part in _members(model, x)]
    return Prediction(value=total(values) / float(len(values)))


def voting_classifier(e: Exporter, model: Any, x: Columns) -> Prediction:
    """Soft: the weighted mean of probabilities. Hard: the most votes, the lowest class on a tie."""
    found = _voters(e, model, x)
    weights = _weights(model)
    if model.voting == "soft":
        mean = total([one.need("probabilities") * w for one, w in zip(found, weights, strict=True)]) / sum(weights)
        return Prediction(index=mean.argmax(), probabilities=mean)
    classes = len(model.classes_)
    counts = [indicator(one.need("index"), classes) * w for one, w in zip(found, weights, strict=True)]
    return Prediction(index=total(counts).argmax())


def _voters(e: Exporter, model: Any, x: Columns) -> list[Prediction]:
    names = [name for name, one in model.estimators if not (isinstance(one, str) and one == "drop")]
    return [e.predict(one, x, name) for name, one in zip(names, model.estimators_, strict=True)]


def _weights(model: Any) -> list[float]:
    weights = model._weights_not_none
    return [1.0] * len(model.estimators_) if weights is None else [float(weight) for weight in weights]


def voting_regressor(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The weighted mean of the members."""
    weights = _weights(model)
    values = [one.need("value") * w for one, w in zip(_voters(e, model, x), weights, strict=True)]
    return Prediction(value=total(values) / sum(weights))


def voting_transform(e: Exporter, model: Any, x: Columns) -> Columns:
    """What each member says: values, probabilities side by side, or the positions of the voted classes."""
    found = _voters(e, model, x)
    if isinstance(model, ensemble.VotingRegressor):
        said = [column_of(one.need("value")) for one in found]
    elif model.voting == "hard":
        said = [column_of(one.need("index").cast(np.float64)) for one in found]
    elif model.flatten_transform:
        said = [one.need("probabilities") for one in found]
    else:
        raise Refused("flatten_transform=False gives three dimensions", "use flatten_transform=True")
    width = len(said) * (len(model.classes_) if getattr(model, "voting", "") == "soft" else 1)
    return columns(e.graph.concat(said), width)


def stacking_features(e: Exporter, model: Any, x: Columns) -> Columns:
    """The members' answers side by side, then the columns themselves if they are passed through."""
    names = [name for name, one in model.estimators if not (isinstance(one, str) and one == "drop")]
    parts: list[tuple[Tensor, int]] = []
    for name, one, method in zip(names, model.estimators_, model.stack_method_, strict=True):
        parts.append(_answer(e.predict(one, x, name), method, len(getattr(model, "classes_", ())), one))
    stacked = Columns(e.graph, tuple(parts))
    return stacked.beside(x) if model.passthrough else stacked


def _answer(found: Prediction, method: str, classes: int, member: Any) -> tuple[Tensor, int]:
    if method == "predict_proba":
        p = found.need("probabilities")
        return (p.take([1]), 1) if classes == 2 else (p, classes)
    if method == "decision_function":
        scores = found.need("scores")
        return (column_of(scores), 1) if classes == 2 else (scores, classes)
    if found.value is not None:
        return column_of(found.value), 1
    known = np.asarray(member.classes_)
    if known.dtype.kind not in "iufb":
        raise Refused("a member's predicted words are stacked as numbers", "stack members with probabilities")
    index = found.need("index")
    values = index.graph.constant(known.astype(np.float64))
    return column_of(index.graph.op("Gather", values, index, axis=0)), 1


def stacking_predict(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The last estimator on the members' answers."""
    return e.predict(model.final_estimator_, stacking_features(e, model, x), "final_estimator")


def ada_classifier(e: Exporter, model: Any, x: Columns) -> Prediction:
    """Weighted votes, those against a class spread over the others."""
    classes = len(model.classes_)
    weights = [float(w) for w in model.estimator_weights_[: len(model.estimators_)]]
    members = [(one, e.predict(one, x, str(i)).need("index")) for i, one in enumerate(model.estimators_)]
    against = 1.0 / (classes - 1)
    said = [
        placed(indicator(index, len(one.classes_)), np.searchsorted(model.classes_, one.classes_), classes)
        * (w * (1 + against))
        + (-w * against)
        for (one, index), w in zip(members, weights, strict=True)
    ]
    scores = total(said) / float(np.sum(model.estimator_weights_))
    if classes > 2:
        p = (scores / (classes - 1.0)).unary("Softmax", axis=1)
        return Prediction(index=scores.argmax(), scores=scores, probabilities=p)
    both = scores @ np.array([[1.0, -1.0], [-1.0, 1.0]])
    return Prediction(index=both.argmax(), scores=both.column(1), probabilities=(both / 2.0).unary("Softmax", axis=1))


def ada_regressor(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The weighted median of the members: sorted by value, the first at which half the weight is reached."""
    found = [column_of(e.predict(one, x, str(i)).need("value")) for i, one in enumerate(model.estimators_)]
    values, count = e.graph.concat(found), len(found)
    weights = np.asarray(model.estimator_weights_[:count], np.float64)
    k = e.graph.constant(np.array([count], np.int64))
    ordered, order = e.graph.ops("TopK", values, k, dtypes=[np.float64, np.int64], axis=1, largest=0, sorted=1)
    sorted_weights = e.graph.op("Gather", e.graph.constant(weights), order, axis=0)
    reached = e.graph.op("CumSum", sorted_weights, e.graph.constant(np.int64(1)))
    index = (reached >= 0.5 * float(weights.sum())).cast(np.int64).argmax()
    return Prediction(value=e.graph.op("GatherElements", ordered, column_of(index), axis=1).reshape(-1))


def isolation_forest(e: Exporter, model: Any, x: Columns) -> Prediction:
    """Mean depth of the leaf over all trees, turned into a score; below the offset is an outlier."""
    forest = Forest()
    lengths_and_paths = zip(model._average_path_length_per_tree, model._decision_path_lengths, strict=True)
    members = zip(model.estimators_, model.estimators_features_, lengths_and_paths, strict=True)
    for one, features, (lengths, path) in members:
        depths = (np.asarray(path) + lengths - 1.0).reshape(-1, 1)
        nodes = one.tree_
        forest.add_sklearn(nodes, floor32(nodes.threshold), depths, features=np.asarray(features))
    depth = forest.emit(x.numbers(np.float32).cast(np.float64)).cast(np.float64).reshape(-1)
    denominator = len(model.estimators_) * float(_average_path_length([model._max_samples])[0])
    exponent = depth / -denominator if denominator else depth * 0.0
    scores = -(exponent * float(np.log(2.0))).unary("Exp") - float(model.offset_)
    return Prediction(label=(scores < 0.0).where(np.int64(-1), e.graph.constant(np.int64(1))), scores=scores)


def trees_embedding(e: Exporter, model: Any, x: Columns) -> Columns:
    """One column per leaf of every tree: 1 for the leaf a row ends in."""
    leaves = [np.flatnonzero(one.tree_.children_left < 0) for one in model.estimators_]
    values: list[Array] = []
    width, start = sum(map(len, leaves)), 0
    for one, found in zip(model.estimators_, leaves, strict=True):
        value = np.zeros((one.tree_.node_count, width))
        value[found, start + np.arange(len(found))] = 1.0
        values.append(value)
        start += len(found)
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
