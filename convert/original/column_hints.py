"""Owns what a fitted estimator gives away about its columns: text or number, known categories, thresholds, spread.

Knows nothing of schemas or rows. What it finds only makes the proof rows sharper; nothing is believed that the original
model does not confirm when asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn import preprocessing
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, TunedThresholdClassifierCV
from sklearn.naive_bayes import CategoricalNB
from sklearn.pipeline import FeatureUnion, Pipeline

from convert.errors import Refused
from convert.exporters.registry import Insight, optional_family
from convert.graph.graph import Array

Undo = Callable[[Array], Array]


@dataclass(slots=True)
class Trait:
    """One column of the model's input. ``points`` are numbers at which the model changes its mind."""

    text: bool = False
    boolean: bool = False
    known: list[Any] = field(default_factory=list)
    points: list[float] = field(default_factory=list)
    centre: float | None = None
    spread: float | None = None
    positive: bool = False
    words: list[str] = field(default_factory=list)  # of texts: what the model knows
    native: bool = False  # a pandas column of categories, the known ones
    closed: bool = False  # and the model takes no others


@dataclass(frozen=True, slots=True)
class Sight:
    """A column as an estimator deep inside sees it, and the way back to the input column."""

    trait: Trait
    undo: Undo


Sights = list["Sight | None"]


def find_traits(model: Any, width: int) -> list[Trait]:
    """One trait per input column."""
    found = [Trait() for _ in range(width)]
    _look(model, [Sight(trait, lambda x: x) for trait in found])
    return found


def _look(model: Any, seen: Sights) -> Sights:
    """Notes what ``model`` tells of the columns it sees; answers what it passes on, empty where that is not known."""
    if model is None or isinstance(model, str):
        return seen
    handler = next((handle for kind, handle in LOOKS.items() if isinstance(model, kind)), _other)
    return handler(model, seen)


def _pipeline(model: Any, seen: Sights) -> Sights:
    for _, step in model.steps:
        seen = _look(step, seen) if seen else []
    return seen


def _columns(model: Any, seen: Sights) -> Sights:
    passed: list[Sights] = []
    for name, step, _ in model.transformers_:
        positions = model._transformer_to_input_indices[name]
        if len(positions) and not (isinstance(step, str) and step == "drop"):
            passed.append(_look(step, [seen[position] for position in positions]))
    return [sight for part in passed for sight in part] if all(passed) else []


def _union(model: Any, seen: Sights) -> Sights:
    passed = [_look(step, seen) for _, step in model.transformer_list if step != "drop"]
    return [] if not all(passed) else [sight for part in passed for sight in part]


def _encoder(model: Any, seen: Sights) -> Sights:
    for sight, categories in zip(seen, model.categories_, strict=True):
        if sight:
            _note_values(sight, categories)
    return []


def _note_values(sight: Sight, values: Array) -> None:
    sight.trait.text = sight.trait.text or (values.dtype.kind in "OUS" and not _all_numbers(values))
    sight.trait.boolean = values.dtype.kind == "b" or (
        values.dtype.kind == "O" and all(isinstance(value, bool | np.bool_) for value in values)
    )
    sight.trait.known += list(values)


def _all_numbers(values: Array) -> bool:
    return all(isinstance(value, int | float | np.number | np.bool_) for value in values)


def _function(model: Any, seen: Sights) -> Sights:
    return seen if model.func is None else []


def _texts(model: Any, seen: Sights) -> Sights:
    for sight in seen[:1]:
        if sight:
            sight.trait.text = True
            sight.trait.words += list(getattr(model, "vocabulary_", {}))
    return []


def _imputer(model: Any, seen: Sights) -> Sights:
    passed: Sights = []
    for sight, value in zip(seen, np.asarray(model.statistics_), strict=True):
        if sight and isinstance(value, str):
            sight.trait.text = True
            sight.trait.known.append(value)
        elif sight:
            _note_points(sight, [value])
        if model.keep_empty_features or value == value:
            passed.append(sight)
    return [] if model.add_indicator else passed


def _standard(model: Any, seen: Sights) -> Sights:
    zeros, ones = np.zeros(len(seen)), np.ones(len(seen))
    shift = model.mean_ if model.with_mean else zeros
    return _affine(seen, shift, model.scale_ if model.with_std else ones, shift)


def _robust(model: Any, seen: Sights) -> Sights:
    zeros, ones = np.zeros(len(seen)), np.ones(len(seen))
    shift = model.center_ if model.with_centering else zeros
    return _affine(seen, shift, model.scale_ if model.with_scaling else ones, shift)


def _min_max(model: Any, seen: Sights) -> Sights:
    middle = (model.data_min_ + model.data_max_) / 2
    return _affine(seen, -model.min_ / model.scale_, 1 / model.scale_, middle, model.data_range_ / 4)


def _max_abs(model: Any, seen: Sights) -> Sights:
    zeros = np.zeros(len(seen))
    return _affine(seen, zeros, model.scale_, zeros, model.scale_ / 2)


def _affine(seen: Sights, shift: Array, scale: Array, centre: Array, spread: Array | None = None) -> Sights:
    """``(x - shift) / scale``: the column's usual range is known, and the way back."""
    passed: Sights = []
    for column, sight in enumerate(seen):
        if sight is None:
            passed.append(None)
            continue
        s, k = float(shift[column]), float(scale[column])
        sight.trait.centre = float(sight.undo(np.array([centre[column]]))[0])
        reach = float((scale if spread is None else spread)[column])
        sight.trait.spread = abs(float(sight.undo(np.array([centre[column] + reach]))[0]) - sight.trait.centre)
        passed.append(Sight(sight.trait, lambda x, s=s, k=k, undo=sight.undo: undo(x * k + s)))  # type: ignore[misc]
    return passed


def _other(model: Any, seen: Sights) -> Sights:
    family = optional_family(model)
    if family is not None:
        _booster(family.insight, model, seen)
    for tree in _trees(model):
        inner = tree.children_left >= 0
        for column in np.unique(tree.feature[inner]):
            sight = seen[column] if column < len(seen) else None
            if sight:
                _note_points(sight, tree.threshold[inner & (tree.feature == column)])
    return []


def _booster(insight: Callable[[Any], Insight], model: Any, seen: Sights) -> None:
    try:
        found = insight(model)
    except Refused as refusal:
        refusal.where = refusal.where or type(model).__name__
        raise
    for column, sight in enumerate(seen):
        if sight:
            _note_points(sight, found.points.get(column, []))
            sight.trait.known += [float(one) for one in sight.undo(np.array(found.codes.get(column, []), np.float64))]
            if column in found.categories:
                _note_values(sight, np.array(found.categories[column], object))
                sight.trait.native, sight.trait.closed = True, found.closed


def _inside(name: str) -> Callable[[Any, Sights], Sights]:
    return lambda model, seen: _look(getattr(model, name), seen)


def _positions(model: Any, seen: Sights) -> Sights:
    for sight, count in zip(seen, model.n_categories_, strict=True):
        if sight:
            sight.trait.known += [float(position) for position in range(count)]
    return []


def _histograms(model: Any, seen: Sights) -> Sights:
    """Its thresholds, and the categories of columns it treats as such; those come first in its trees."""
    order: Sights = seen
    if model._preprocessor is not None:
        mask = np.asarray(model.is_categorical_)
        inside = [sight for sight, flag in zip(seen, mask, strict=True) if flag]
        _encoder(model._preprocessor.named_transformers_["encoder"], inside)
        numbers = [sight for sight, flag in zip(seen, mask, strict=True) if not flag]
        order = [*(None for _ in inside), *numbers]
    for nodes in (predictor.nodes for stage in model._predictors for predictor in stage):
        for column in np.unique(nodes["feature_idx"][nodes["is_leaf"] == 0]):
            sight = order[column] if column < len(order) else None
            if sight:
                here = (nodes["feature_idx"] == column) & (nodes["is_leaf"] == 0)
                _note_points(sight, nodes["num_threshold"][here])
    return []


def _trees(model: Any) -> Iterable[Any]:
    if hasattr(model, "tree_"):
        yield model.tree_
    for one in np.ravel(np.asarray(getattr(model, "estimators_", []), object)):
        if hasattr(one, "tree_"):
            yield one.tree_


def _note_points(sight: Sight, points: Sequence[float] | Array) -> None:
    numbers = sight.undo(np.asarray(points, np.float64))
    sight.trait.points += [float(value) for value in numbers if np.isfinite(value)]


LOOKS: dict[type, Callable[[Any, Sights], Sights]] = {
    Pipeline: _pipeline,
    ColumnTransformer: _columns,
    FeatureUnion: _union,
    preprocessing.OneHotEncoder: _encoder,
    preprocessing.OrdinalEncoder: _encoder,
    preprocessing.TargetEncoder: _encoder,
    CategoricalNB: _positions,
    CountVectorizer: _texts,
    HashingVectorizer: _texts,
    HistGradientBoostingClassifier: _histograms,
    HistGradientBoostingRegressor: _histograms,
    SimpleImputer: _imputer,
    preprocessing.FunctionTransformer: _function,
    FrozenEstimator: _inside("estimator"),
    GridSearchCV: _inside("best_estimator_"),
    RandomizedSearchCV: _inside("best_estimator_"),
    TransformedTargetRegressor: _inside("regressor_"),
    TunedThresholdClassifierCV: _inside("estimator_"),
    preprocessing.StandardScaler: _standard,
    preprocessing.RobustScaler: _robust,
    preprocessing.MinMaxScaler: _min_max,
    preprocessing.MaxAbsScaler: _max_abs,
}
