"""Exports LightGBM's models: compared in double, with its own rules for zero and missing. Needs no other converter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import lightgbm  # type: ignore[import-not-found,unused-ignore]  # optional
import numpy as np

from convert.errors import Refused
from convert.exporters.encoders import positions
from convert.exporters.parts.forest import Forest, Leaves
from convert.exporters.parts.sets import HALF, CategorySplits
from convert.exporters.parts.shapes import pair
from convert.exporters.registry import PREDICTIONS, BoosterHints, Exporter, Prediction, TreeSplits
from convert.graph.columns import Columns
from convert.graph.graph import Tensor

ZERO = float(np.float32(1e-35))  # what LightGBM takes for zero when it reads a row
FARTHEST = 1e300  # what LightGBM writes for infinity: every number is below it
LOGARITHM = ("poisson", "gamma", "tweedie")
RANKING = ("lambdarank", "rank_xendcg")
IDENTITY = ("regression", "regression_l1", "huber", "fair", "quantile", "mape")


def _nodes(tree: Any) -> list[Any]:
    """Every node of one tree, the root first; children are linked by position afterwards."""
    nodes, waiting = [], [tree["tree_structure"]]
    while waiting:
        node = waiting.pop()
        nodes.append(node)
        if "left_child" in node:
            waiting += [node["right_child"], node["left_child"]]
    return nodes


def _splits(dump: Any) -> Iterator[Any]:
    for tree in dump["tree_info"]:
        yield from (node for node in _nodes(tree) if "left_child" in node)


def _booster(model: Any) -> Any:
    return model if isinstance(model, lightgbm.Booster) else model.booster_


def booster_hints(model: Any) -> BoosterHints:
    """What the trees compare with; a category that they do not know counts as missing."""
    points: dict[int, list[float]] = {}
    codes: dict[int, list[int]] = {}
    dump = _booster(model).dump_model()
    categories = _categories(model, dump)
    for node in _splits(dump):
        column = node["split_feature"]
        if node["decision_type"] == "<=":
            points.setdefault(column, []).append(float(node["threshold"]))
        elif column not in categories:
            codes.setdefault(column, []).extend(_members(node))
    trees = [_asked(tree) for tree in dump["tree_info"]]
    sets = {column: sorted(set(members)) for column, members in codes.items()}
    return BoosterHints(points, sets, categories, trees=trees)


def _asked(tree: Any) -> TreeSplits:
    nodes = _nodes(tree)
    at = {id(node): position for position, node in enumerate(nodes)}
    numbers = [node.get("decision_type") == "<=" and abs(node["threshold"]) < FARTHEST for node in nodes]
    return TreeSplits(
        np.array([node.get("split_feature", 0) for node in nodes]),
        np.array([float(node["threshold"]) if is_one else np.nan for node, is_one in zip(nodes, numbers, strict=True)]),
        np.array([at[id(node["left_child"])] if "left_child" in node else 0 for node in nodes]),
        np.array([at[id(node["right_child"])] if "left_child" in node else 0 for node in nodes]),
    )


def _categories(model: Any, dump: Any) -> dict[int, list[Any]]:
    """The categories of pandas columns; LightGBM keeps their lists in order, but not whose they are."""
    lists = _booster(model).pandas_categorical or []
    names = dump["feature_names"]
    owners = [names.index(name) for name, info in dump["feature_infos"].items() if info["values"]]
    if lists and len(owners) != len(lists):
        raise Refused(
            "LightGBM does not tell which columns its pandas categories belong to",
            "let every column of categories be used as such (not ordered, more than one value), or encode them before",
        )
    return dict(zip(sorted(owners), lists, strict=True)) if lists else {}


def _members(node: Any) -> list[int]:
    return [int(code) for code in str(node["threshold"]).split("||")]


def raw(model: Any, x: Columns) -> Tensor:
    """[rows, outputs] sums, or means for a random forest of LightGBM's."""
    dump = _booster(model).dump_model()
    coded = positions(x, _categories(model, dump))
    matrix = coded.numbers()
    sets = CategorySplits(_read(dump, coded), x.width, matrix.unary("Sign") * matrix.unary("Abs").unary("Floor"))
    outputs = dump["num_tree_per_iteration"]
    forest = Forest()
    for position, tree in enumerate(dump["tree_info"]):
        _add(forest, _nodes(tree), position % outputs, outputs, sets)
    summed = forest.emit(sets.extended()).cast(np.float64)
    return summed / (len(dump["tree_info"]) / outputs) if dump["average_output"] else summed


def _split(node: Any, sets: CategorySplits) -> tuple[int, float]:
    """Column and threshold; a leaf has neither."""
    if "left_child" not in node:
        return 0, 0.0
    if node["decision_type"] == "==":
        return sets.column(node["split_feature"], _members(node)), HALF
    limit = float(node["threshold"])
    return node["split_feature"], np.inf if limit >= FARTHEST else limit


def _add(forest: Forest, nodes: list[Any], output: int, outputs: int, sets: CategorySplits) -> None:
    at = {id(node): position for position, node in enumerate(nodes)}
    leaf = np.array(["left_child" not in node for node in nodes])
    features, limits = zip(*(_split(node, sets) for node in nodes), strict=True)
    values = np.zeros((len(nodes), outputs))
    values[:, output] = [node.get("leaf_value", 0.0) for node in nodes]
    forest.add(
        features=np.array(features),
        thresholds=np.array(limits, np.float64),
        left=np.array([at[id(node["left_child"])] if "left_child" in node else 0 for node in nodes]),
        right=np.array([at[id(node["right_child"])] if "left_child" in node else 0 for node in nodes]),
        missing_left=np.array([node.get("default_left", False) for node in nodes]),
        leaves=Leaves(leaf, values),
    )


def _read(dump: Any, x: Columns) -> Tensor:
    """Numbers as LightGBM reads them: tiny ones are 0, and a missing one is 0 for a column that had none."""
    kinds: dict[int, set[str]] = {}
    for node in _splits(dump):
        if node["decision_type"] == "<=":
            kinds.setdefault(node["split_feature"], set()).add(node["missing_type"])
    if any(len(ways) > 1 for ways in kinds.values()):
        raise Refused("a LightGBM column that is missing in two ways", "fit it again with use_missing=True")
    matrix = x.numbers()
    tiny = (matrix.unary("Abs") <= ZERO) | _mask(x, matrix, kinds, "None") & matrix.is_nan()
    zeroed = tiny.where(np.float64(0.0), matrix)
    if not any("Zero" in ways for ways in kinds.values()):
        return zeroed
    return (_mask(x, matrix, kinds, "Zero") & zeroed.equals(0.0)).where(np.float64(np.nan), zeroed)


def _mask(x: Columns, matrix: Tensor, kinds: dict[int, set[str]], kind: str) -> Tensor:
    return matrix.graph.constant(np.array([[kind in kinds.get(i, {"None"}) for i in range(x.width)]]))


def classifier(e: Exporter, model: Any, x: Columns) -> Prediction:
    """Softmax over classes, or a sigmoid for two or for each; from 4.7 on the sums are scores of its own."""
    name, _, settings = str(_booster(model).dump_model()["objective"]).partition(" ")
    scores = raw(model, x)
    steep = float(settings.split("sigmoid:")[1].split()[0]) if "sigmoid:" in settings else 1.0
    if name == "multiclassova":
        each = (scores * steep).unary("Sigmoid")
        return Prediction(index=each.argmax(), scores=scores, probabilities=each)
    if name == "binary":
        p = (scores.reshape(-1) * steep).unary("Sigmoid")
        return Prediction(index=(p > 0.5).cast(np.int64), scores=scores.reshape(-1), probabilities=pair(p))
    if name == "multiclass":
        return Prediction(index=scores.argmax(), scores=scores, probabilities=scores.unary("Softmax", axis=1))
    raise Refused(f"LightGBM's objective {name!r} is not exported", "use binary or multiclass")


def regressor(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The sum of the trees through the objective's link."""
    name, *settings = str(_booster(model).dump_model()["objective"]).split()
    value = raw(model, x).reshape(-1)
    if "sqrt" in settings:  # fitted on roots, with the sign of what they are of
        value = value.unary("Sign") * value * value
    if name in LOGARITHM:
        return Prediction(value=value.unary("Exp"))
    if name in IDENTITY or name in RANKING:
        return Prediction(value=value)
    raise Refused(f"LightGBM's objective {name!r} is not exported", "use regression or another common one")


def native(e: Exporter, model: Any, x: Columns) -> Prediction:
    """What a Booster by itself answers: probabilities as plain values, without classes."""
    name = str(model.dump_model()["objective"]).split()[0]
    if name not in ("binary", "multiclass", "multiclassova"):
        return regressor(e, model, x)
    p = classifier(e, model, x).need("probabilities")
    return Prediction(value=p.column(1) if name == "binary" else p)


PREDICTIONS.update(
    {
        lightgbm.Booster: native,
        lightgbm.LGBMClassifier: classifier,
        lightgbm.LGBMRanker: regressor,
        lightgbm.LGBMRegressor: regressor,
    }
)
