"""Exports XGBoost's models: compared in float32, strictly less, as XGBoost compares them. Needs no other converter."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import xgboost  # type: ignore[import-not-found,unused-ignore]  # optional

from convert.errors import Refused
from convert.exporters.encoders import positions
from convert.exporters.parts.forest import Forest, Leaves
from convert.exporters.parts.sets import HALF, CategorySplits
from convert.exporters.parts.shapes import pair
from convert.exporters.registry import PREDICTIONS, BoosterHints, Exporter, Prediction, TreeSplits
from convert.graph.columns import Columns
from convert.graph.graph import Array, Tensor

SIGMOID = ("binary:logistic", "reg:logistic")
LOGARITHM = ("count:poisson", "reg:gamma", "reg:tweedie")
IDENTITY = (
    "reg:squarederror", "reg:squaredlogerror", "reg:pseudohubererror", "reg:absoluteerror", "reg:quantileerror",
)  # fmt: skip


def _learner(model: Any) -> Any:
    booster = model if isinstance(model, xgboost.Booster) else model.get_booster()
    return json.loads(bytes(booster.save_raw("json")))["learner"]


def _trees(model: Any, learner: Any) -> list[tuple[Any, int, float]]:
    """The trees that predict, each with its output and its weight."""
    booster = learner["gradient_booster"]
    if booster["name"] == "gblinear":
        raise Refused("a linear XGBoost model", "use scikit-learn's linear models")
    inner = booster["gbtree"]["model"] if booster["name"] == "dart" else booster["model"]
    weights = booster.get("weight_drop", [1.0] * len(inner["trees"]))
    stop = _stop(model, inner)
    trees = list(zip(inner["trees"], inner["tree_info"], weights, strict=True))[:stop]
    if any(int(tree["tree_param"]["size_leaf_vector"]) > 1 for tree, _, _ in trees):
        raise Refused("XGBoost's vector leaves", "fit with multi_strategy='one_output_per_tree', the default")
    return trees


def _stop(model: Any, inner: Any) -> int:
    """With early stopping only the rounds up to the best one predict; a Booster by itself asks all."""
    best = None if isinstance(model, xgboost.Booster) else getattr(model, "best_iteration", None)
    return len(inner["trees"]) if best is None else int(inner["iteration_indptr"][best + 1])


def booster_hints(model: Any) -> BoosterHints:
    """What the trees compare with; of pandas categories they take no others."""
    points: dict[int, list[float]] = {}
    codes: dict[int, list[int]] = {}
    learner = _learner(model)
    categories = _categories(learner)
    for tree, _, _ in _trees(model, learner):
        sets = _sets(tree)
        for node, (column, value, left) in enumerate(
            zip(tree["split_indices"], tree["split_conditions"], tree["left_children"], strict=True)
        ):
            if node in sets and column not in categories:
                codes.setdefault(column, []).extend(sets[node])
            elif left >= 0 and node not in sets:
                points.setdefault(column, []).append(float(_last_to_the_left(np.float32(value))))
    sets = {column: sorted(set(members)) for column, members in codes.items()}
    trees = [_asked(tree) for tree, _, _ in _trees(model, learner)]
    return BoosterHints(points, sets, categories, closed=True, trees=trees)


def _asked(tree: Any) -> TreeSplits:
    left, right = np.array(tree["left_children"]), np.array(tree["right_children"])
    thresholds = _last_to_the_left(np.array(tree["split_conditions"], np.float32)).astype(np.float64)
    thresholds[left < 0] = np.nan
    thresholds[list(_sets(tree))] = np.nan
    return TreeSplits(np.array(tree["split_indices"]), thresholds, left, right)


def _last_to_the_left(conditions: Any) -> Any:
    """x < t, for float32 numbers, is x <= the one before t."""
    return np.nextafter(conditions, np.float32(-np.inf))


def _sets(tree: Any) -> dict[int, list[int]]:
    """The categories that go right, by node."""
    starts, sizes = tree["categories_segments"], tree["categories_sizes"]
    return {
        node: tree["categories"][start : start + size]
        for node, start, size in zip(tree["categories_nodes"], starts, sizes, strict=True)
    }


def _categories(learner: Any) -> dict[int, list[Any]]:
    """The categories of pandas columns, as XGBoost 3.1 and later keeps them."""
    booster = learner["gradient_booster"]
    inner = booster["gbtree"]["model"] if booster["name"] == "dart" else booster["model"]
    kept = inner.get("cats", {}).get("enc", [])
    listed = {column: _texts(entry) if "offsets" in entry else entry["values"] for column, entry in enumerate(kept)}
    return {column: values for column, values in listed.items() if values}


def _texts(kept: Any) -> list[str]:
    if any(byte < 0 for byte in kept["values"]):
        raise Refused(
            "XGBoost does not keep the names of categories that are not plain ASCII",
            "rename the categories, or encode them before the model",
        )
    text, ends = bytes(kept["values"]).decode(), kept["offsets"]
    return [text[start:end] for start, end in itertools.pairwise(ends)]


def raw(model: Any, x: Columns, learner: Any) -> Tensor:
    """[rows, outputs] sums with the first guess."""
    trees = _trees(model, learner)
    coded = positions(x, _categories(learner))
    single = _missing_as_nan(model, coded.numbers(np.float32), x.sparse).cast(np.float64)
    sets = CategorySplits(single, x.width, single.unary("Floor"))
    outputs = 1 + max((output for _, output, _ in trees), default=0)
    forest = Forest()
    for tree, output, weight in trees:
        left, right = np.array(tree["left_children"]), np.array(tree["right_children"])
        conditions = np.array(tree["split_conditions"], np.float32)
        values = np.zeros((len(left), outputs))
        values[:, output] = conditions.astype(np.float64) * weight
        features, limits = np.array(tree["split_indices"]), _last_to_the_left(conditions)
        missing_left = np.array(tree["default_left"], np.bool_)
        for node, members in _sets(tree).items():  # of a set it is the members that go right
            features[node], limits[node] = sets.column(int(features[node]), members), HALF
            left[node], right[node] = right[node], left[node]
            missing_left[node] = not missing_left[node]
        forest.add(
            features=features,
            thresholds=limits,
            left=left,
            right=right,
            missing_left=missing_left,
            leaves=Leaves(left < 0, values),
        )
    base = np.array(json.loads(learner["learner_model_param"]["base_score"]), np.float64).ravel()
    return forest.emit(sets.extended()).cast(np.float64) + _margin(base, learner["objective"]["name"])


def _missing_as_nan(model: Any, x: Tensor, sparse: bool) -> Tensor:
    if sparse:  # a cell that is absent is missing
        x = x.equals(np.float32(0.0)).where(np.float32(np.nan), x)
    missing = getattr(model, "missing", None)  # a Booster by itself is asked with NaN
    if missing is None or np.isnan(missing):
        return x
    return x.equals(np.float32(missing)).where(np.float32(np.nan), x)


def _margin(base: Array, objective: str) -> Array:
    if objective in SIGMOID:
        return np.asarray(np.log(base / (1 - base)))
    return np.asarray(np.log(base)) if objective in LOGARITHM else base


def classifier(e: Exporter, model: Any, x: Columns) -> Prediction:
    """Softmax over classes, or a sigmoid for two."""
    learner = _learner(model)
    objective = learner["objective"]["name"]
    scores = raw(model, x, learner)
    if objective in ("multi:softprob", "multi:softmax"):
        return Prediction(index=scores.argmax(), probabilities=scores.unary("Softmax", axis=1))
    if objective not in SIGMOID or model.n_classes_ > 2:
        raise Refused(f"XGBoost's objective {objective!r} is not exported", "use binary:logistic or multi:softprob")
    p = scores.reshape(-1).unary("Sigmoid")
    return Prediction(index=(p > 0.5).cast(np.int64), probabilities=pair(p))


def regressor(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The sum of the trees through the objective's link."""
    learner = _learner(model)
    objective = learner["objective"]["name"]
    scores = raw(model, x, learner)
    width = len(np.ravel(json.loads(learner["learner_model_param"]["base_score"])))
    value = scores if width > 1 else scores.reshape(-1)
    if objective in SIGMOID:
        return Prediction(value=value.unary("Sigmoid"))
    if objective in LOGARITHM:
        return Prediction(value=value.unary("Exp"))
    if objective in IDENTITY or objective.startswith("rank:"):
        return Prediction(value=value)
    raise Refused(f"XGBoost's objective {objective!r} is not exported", "use reg:squarederror or another common one")


def native(e: Exporter, model: Any, x: Columns) -> Prediction:
    """What a Booster by itself answers: probabilities as plain values, without classes."""
    learner = _learner(model)
    match learner["objective"]["name"]:
        case "multi:softprob":
            return Prediction(value=raw(model, x, learner).unary("Softmax", axis=1))
        case "multi:softmax":
            return Prediction(value=raw(model, x, learner).argmax().cast(np.float64))
        case "binary:logitraw":
            return Prediction(value=raw(model, x, learner).reshape(-1))
    return regressor(e, model, x)


PREDICTIONS.update(
    {
        xgboost.Booster: native,
        xgboost.XGBRanker: regressor,
        xgboost.XGBClassifier: classifier,
        xgboost.XGBRFClassifier: classifier,
        xgboost.XGBRegressor: regressor,
        xgboost.XGBRFRegressor: regressor,
    }
)
