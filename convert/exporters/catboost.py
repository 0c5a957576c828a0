"""Exports CatBoost's models of numbers: symmetric trees, compared in float32. Needs no other converter.

CatBoost shows its splits only rounded or in a file, so they are found by asking: of two rows that differ in one column,
at a border and one step above it, a tree's leaves differ in just the bits of the splits at that border.
"""

from __future__ import annotations

from typing import Any

import catboost  # type: ignore[import-not-found,import-untyped,unused-ignore]  # optional
import numpy as np

from convert.errors import Refused
from convert.exporters.parts.forest import Forest, Leaves
from convert.exporters.parts.shapes import pair
from convert.exporters.registry import PREDICTIONS, BoosterHints, Exporter, Prediction
from convert.graph.columns import Columns
from convert.graph.graph import Array, Tensor

LOGARITHM = ("Poisson", "Tweedie")
IDENTITY = (
    "RMSE", "MAE", "Quantile", "LogLinQuantile", "Huber", "MAPE", "Expectile", "Lq", "LogCosh", "MultiRMSE",
)  # fmt: skip
FARTHEST = float(np.finfo(np.float32).max)
Split = tuple[int, np.float32, bool]  # column, border, whether a missing value is above it


def _check(model: Any) -> None:
    booster = model._object
    for kind, columns in (
        ("category", booster._get_cat_feature_indices()),
        ("text", booster._get_text_feature_indices()),
        ("embedding", booster._get_embedding_feature_indices()),
    ):
        if columns:
            names = ", ".join(str(model.feature_names_[column]) for column in columns)
            raise Refused(
                f"CatBoost's own {kind} columns ({names})",
                "encode them before the model (OneHotEncoder, TargetEncoder, ...) and leave cat_features out",
            )
    if not booster._is_oblivious():
        raise Refused("CatBoost's trees are not symmetric", "fit with grow_policy='SymmetricTree', the default")


def booster_hints(model: Any) -> BoosterHints:
    """What the trees compare with; without the border that only parts missing values from all numbers."""
    _check(model)
    return BoosterHints(
        {
            int(column): [float(border) for border in borders if abs(border) < FARTHEST]
            for column, borders in model.get_borders().items()
        }
    )


def _splits(model: Any) -> list[list[Split]]:
    """Each tree's splits, the lowest bit of its leaves' numbers first."""
    depths = [int(count).bit_length() - 1 for count in model.get_tree_leaf_counts()]
    by_bit: list[dict[int, Split]] = [{} for _ in depths]
    for column, borders in model.get_borders().items():
        if len(borders):
            for tree, bit, split in _of_column(model, int(column), np.array(borders, np.float32)):
                by_bit[tree][bit] = split
    if any(sorted(bits) != list(range(depth)) for bits, depth in zip(by_bit, depths, strict=True)):
        raise Refused("some splits of this CatBoost model were not found", "please report it with the model")
    return [[bits[bit] for bit in sorted(bits)] for bits in by_bit]


def _of_column(model: Any, column: int, borders: Array) -> list[tuple[int, int, Split]]:
    rows = np.full((2 * len(borders), len(model.feature_names_)), -np.inf, np.float32)
    rows[::2, column] = borders
    with np.errstate(over="ignore"):  # the step above the largest number is infinity
        rows[1::2, column] = np.nextafter(borders, np.float32(np.inf))
    leaves = _leaves(model, rows)
    rows[0, column] = np.nan
    try:
        missing = _leaves(model, rows[:1])[0]
    except catboost.CatBoostError:  # a model that forbids missing values
        missing = np.zeros_like(leaves[0])
    splits = []
    for border, low, high in zip(borders, leaves[::2], leaves[1::2], strict=True):
        changed = low ^ high
        for tree in np.flatnonzero(changed):
            bits = [bit for bit in range(32) if changed[tree] >> bit & 1]
            splits += [(int(tree), bit, (column, border, bool(missing[tree] >> bit & 1))) for bit in bits]
    return splits


def _leaves(model: Any, rows: Array) -> Array:
    return np.asarray(model.calc_leaf_indexes(rows, thread_count=1), np.int64)


def raw(model: Any, x: Columns) -> Tensor:
    """[rows, outputs] sums, scaled, with the first guess."""
    _check(model)
    scale, bias = model.get_scale_and_bias()
    splits = _splits(model)
    sizes = [1 << len(tree) for tree in splits]
    values = np.asarray(model.get_leaf_values()).reshape(sum(sizes), -1) * scale
    forest = Forest()
    for tree, leaf_values in zip(splits, np.split(values, np.cumsum(sizes)[:-1]), strict=True):
        _add(forest, tree, leaf_values)
    return forest.emit(x.numbers(np.float32).cast(np.float64)).cast(np.float64) + np.ravel(np.float64(bias))


def _add(forest: Forest, splits: list[Split], values: Array) -> None:
    """A full binary tree, level by level: the highest bit is asked first, so the leaves stand in their order."""
    inner = len(values) - 1
    asked = [splits[-level - 1] for level in range(len(splits)) for _ in range(1 << level)]
    leaf = np.arange(inner + len(values)) >= inner
    below = 2 * np.arange(len(leaf))
    zeros = [(0, np.float32(0), False)] * len(values)
    columns, borders, missing = zip(*asked, *zeros, strict=True)
    forest.add(
        features=np.array(columns),
        thresholds=np.array(borders, np.float32),
        left=below + 1,
        right=below + 2,
        missing_left=~np.array(missing),
        leaves=Leaves(leaf, np.concatenate([np.zeros((inner, values.shape[1])), values])),
    )


def classifier(e: Exporter, model: Any, x: Columns) -> Prediction:
    """A sigmoid for two classes; for more a softmax over them, or one sigmoid for each."""
    name = str(model._object._get_loss_function_name())
    scores = raw(model, x)
    if name == "MultiClass":
        return Prediction(index=scores.argmax(), probabilities=scores.unary("Softmax", axis=1))
    if name == "MultiClassOneVsAll":
        return Prediction(index=scores.argmax(), probabilities=scores.unary("Sigmoid"))
    if name not in ("Logloss", "CrossEntropy"):
        raise Refused(f"CatBoost's loss {name!r} is not exported", "use Logloss or MultiClass")
    p = scores.reshape(-1).unary("Sigmoid")
    border = float(model._object._get_binclass_probability_threshold())
    return Prediction(index=(p > border).cast(np.int64), probabilities=pair(p))


def regressor(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The sum of the trees through the loss's link."""
    name = str(model._object._get_loss_function_name())
    if name not in (*LOGARITHM, *IDENTITY):
        raise Refused(f"CatBoost's loss {name!r} is not exported", "use RMSE or another common one")
    scores = raw(model, x)
    value = scores if name == "MultiRMSE" else scores.reshape(-1)
    return Prediction(value=value.unary("Exp") if name in LOGARITHM else value)


PREDICTIONS.update({catboost.CatBoostClassifier: classifier, catboost.CatBoostRegressor: regressor})
