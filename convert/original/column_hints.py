"""Owns what a fitted estimator gives away about its columns: text or number, known categories, thresholds, spread.

Knows nothing of schemas or rows. A hint only makes the proof rows sharper; nothing is believed that the original model
does not confirm when asked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn import ensemble, preprocessing
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer
from sklearn.feature_selection import SelectorMixin
from sklearn.impute import SimpleImputer
from sklearn.naive_bayes import CategoricalNB
from sklearn.pipeline import FeatureUnion, Pipeline

from convert.errors import Refused
from convert.exporters.parts.affine import shift_and_scale
from convert.exporters.parts.dates import seconds_of, unit_of
from convert.exporters.records import words_by_name
from convert.exporters.registry import BoosterHints, TableHints, optional_family
from convert.graph.graph import Array
from convert.inside import Inner, inside, is_dropped, is_sampler
from convert.original import own_columns
from convert.original.hashed_words import words_with_weight
from convert.original.wordlist import invented


@dataclass(slots=True)
class ColumnHint:
    """One column of the model's input. ``points`` are numbers at which the model changes its mind."""

    readers: list[int] = field(default_factory=list)  # estimators that see it; a ColumnTransformer may drop it before
    text: bool = False
    fill: str | None = None  # what an imputer puts where nothing is: with it alone numbers stay numbers
    boolean: bool = False
    known: list[Any] = field(default_factory=list)
    points: list[float] = field(default_factory=list)
    centre: float | None = None
    spread: float | None = None
    positive: bool = False  # the model refuses negative numbers
    nonzero: bool = False  # and zero
    remembered: Array | None = None  # [rows]: its values in the rows that the model remembers, as a person wrote them
    words: list[str] = field(default_factory=list)  # of texts: what the model knows
    hashed_by: list[Any] = field(default_factory=list)  # and the vectorizers that know none
    by_word: dict[str, ColumnHint] = field(default_factory=dict)  # and what it gives away of the column of each
    missing: Any = math.nan  # how a missing text is put to the model: None where that is among its categories
    native: bool = False  # a pandas column of categories, the known ones
    closed: bool = False  # and the model takes no others
    dates: str = ""  # where it holds dates, numpy's unit of them; `known` are seconds since 1970


@dataclass(frozen=True, slots=True)
class ColumnView:
    """A column as an estimator deep inside sees it; ``inverse`` leads from its values to those of the input column."""

    hint: ColumnHint
    inverse: Callable[[Array], Array]


# Where models keep the rows, or the prototypes, that they compare others with.
REMEMBERED = (
    "_fit_X", "X_train_", "X_fit_", "X_", "support_vectors_", "cluster_centers_", "centroids_", "subcluster_centers_",
    "theta_", "means_",
)  # fmt: skip
DIGITS = 12  # of a number that a person wrote; a double has 15 to 17

Views = list["ColumnView | None"]  # None stands for a column of which nothing is known


def find_hints(model: Any, width: int) -> list[ColumnHint]:
    """One hint per input column."""
    hints = [ColumnHint() for _ in range(width)]
    _visit(model, [ColumnView(hint, lambda x: x) for hint in hints])
    for hint in hints:
        hint.words += [word for vectorizer in hint.hashed_by for word in words_with_weight(model, vectorizer)]
    return hints


def _visit(model: Any, views: Views) -> Views:
    """Notes what ``model`` tells of the columns it sees; answers what it passes on, empty where that is not known."""
    if is_sampler(model):
        return views
    if model is None or isinstance(model, str):
        _note_read(model, views)
        return views
    own = own_columns.visit(model, views)
    if own is not None:
        _note_read(model, own[1])
        return own[0]
    visit = next((visit for kind, visit in VISITORS.items() if isinstance(model, kind)), _wrapper)
    find = getattr(optional_family(model), "table_hints", None)
    if find is not None and not inside(model):
        return _library(model, find(model), views)
    if visit not in (_pipeline, _side_by_side, _wrapper):
        _note_read(model, views)
    return visit(model, views)


def _library(model: Any, told: TableHints, views: Views) -> Views:
    _note_read(model, views)
    for column, values in told.categories.items():
        if view := views[column]:
            _note_values(view, np.array(values, object))
    for column, points in told.points.items():
        if view := views[column]:
            _note_points(view, points)
    return [None if at is None else _behind(views[at], told.inverses.get(at)) for at in told.passed]


def _behind(view: ColumnView | None, back: Callable[[Array], Array] | None) -> ColumnView | None:
    if view is None or back is None:
        return view
    return ColumnView(view.hint, lambda x: view.inverse(back(x)))


def _note_read(reader: Any, views: Views) -> None:
    for view in filter(None, views):
        view.hint.readers.append(id(reader))


def _wrapper(model: Any, views: Views) -> Views:
    """What hands its rows to one estimator passes on what that one does."""
    parts = inside(model)
    passed = [_visit(part.estimator, _seen_by(part, views)) for part in parts if part.columns != ()]
    if len(parts) == 1:
        return passed[0]
    return [] if parts else _leaf(model, views)


def _seen_by(part: Inner, views: Views) -> Views:
    return views if part.columns is None else [None if at is None else views[at] for at in part.columns]


def _pipeline(model: Any, views: Views) -> Views:
    for part in inside(model):
        views = _visit(part.estimator, views) if views else []
    return views


def _side_by_side(model: Any, views: Views) -> Views:
    parts = [part for part in inside(model) if part.columns != () and not is_dropped(part.estimator)]
    passed = [_visit(part.estimator, _seen_by(part, views)) for part in parts]
    return [view for group in passed for view in group] if all(passed) else []


def _selector(model: Any, views: Views) -> Views:
    _wrapper(model, views)
    return [views[kept] for kept in np.flatnonzero(model.get_support()) if kept < len(views)]


def _encoder(model: Any, views: Views) -> Views:
    for column, (view, categories) in enumerate(zip(views, model.categories_, strict=True)):
        if view and hasattr(model, "feature_names_in_") and (unit := unit_of(categories)):
            view.hint.dates = unit
            _note_values(view, seconds_of(categories))
            continue
        _refuse_dates(model, column, categories)
        if view:
            _note_values(view, categories)
    return [None] * len(model.get_feature_names_out())


def _refuse_dates(model: Any, column: int, values: Array) -> None:
    if np.asarray(values).dtype.kind in "mM":
        named = getattr(model, "feature_names_in_", ())
        raise Refused(
            f"column {named[column] if column < len(named) else column!r} holds dates, which are followed into "
            "encoders alone, and there in a table and in whole microseconds",
            "make a number of it before the model sees it, as days since 1970 or year and month, and fit again",
            type(model).__name__,
        )


def _note_values(view: ColumnView, values: Array) -> None:
    nothing = [value for value in values if value is None or value != value]
    if any(value is None for value in nothing):
        if len(nothing) > 1:
            raise Refused(
                "a column has both None and NaN among its categories, and a file knows one missing value",
                "make one of the other before fitting, with fillna",
            )
        view.hint.missing = None
    there = [value for value in values if not (value is None or value != value)]
    numbers = bool(there) and all(isinstance(value, int | float | np.number | np.bool_) for value in there)
    if numbers and view.hint.fill is not None:
        view.hint.known = [value for value in view.hint.known if value != view.hint.fill]
        view.hint.text, view.hint.fill = False, None
    view.hint.text = view.hint.text or (values.dtype.kind in "OUS" and not numbers)
    view.hint.boolean = not nothing and all(isinstance(value, bool | np.bool_) for value in there)
    view.hint.known += list(values)


def _texts(model: Any, views: Views) -> Views:
    vocabulary = getattr(model, "vocabulary_", {})
    columns = {word: ColumnHint() for word in sorted(vocabulary, key=lambda word: int(vocabulary[word]))}
    for view in filter(None, views[:1]):
        view.hint.text = True
        view.hint.words += list(vocabulary) or invented()
        view.hint.hashed_by += [model] if isinstance(model, HashingVectorizer) else []
        view.hint.by_word.update(columns)
    return [ColumnView(hint, lambda x: x) for hint in columns.values()]


def _labels(model: Any, views: Views) -> Views:
    for view in filter(None, views):
        _note_values(view, np.asarray(model.classes_, object if model.classes_.dtype.kind == "U" else None))
        view.hint.closed = True  # what a LabelBinarizer makes of another hangs on the labels beside it
    return [None]


def _records(model: Any, views: Views) -> Views:
    """Names that hold words, and names that hold numbers, which are handed on."""
    named = words_by_name(model)
    for view, words in zip(views, named.values(), strict=True):
        if view and words:
            view.hint.text, view.hint.known = True, [*view.hint.known, *words]
    home = dict(zip(named, views, strict=True))
    return [home.get(str(feature)) for feature in model.feature_names_]


def _imputer(model: Any, views: Views) -> Views:
    passed: Views = []
    if model.missing_values is None:
        for known in filter(None, views):
            known.hint.missing = None
    for column, (view, value) in enumerate(zip(views, np.asarray(model.statistics_), strict=True)):
        _refuse_dates(model, column, np.asarray(value))
        if view and isinstance(value, str):
            view.hint.fill = value if not view.hint.text else None
            view.hint.text = True
            view.hint.known.append(value)
        elif view:
            _note_points(view, [value])
        if model.keep_empty_features or value == value:
            passed.append(view)
    return [] if model.add_indicator else passed


def _scaler(model: Any, views: Views) -> Views:
    shift, scale = shift_and_scale(model)
    shift = np.zeros(len(views)) if shift is None else shift
    scale = np.ones(len(views)) if scale is None else scale
    return _affine(views, shift, scale, shift, scale / 2 if isinstance(model, preprocessing.MaxAbsScaler) else scale)


def _min_max(model: Any, views: Views) -> Views:
    middle = (model.data_min_ + model.data_max_) / 2
    return _affine(views, -model.min_ / model.scale_, 1 / model.scale_, middle, model.data_range_ / 4)


def _affine(views: Views, shift: Array, scale: Array, centre: Array, spread: Array) -> Views:
    """``(x - shift) / scale``: the column's usual range is known, and the inverse."""
    passed: Views = []
    for column, view in enumerate(views):
        if view is None:
            passed.append(None)
            continue
        s, k = float(shift[column]), float(scale[column])
        view.hint.centre = float(view.inverse(np.array([centre[column]]))[0])
        view.hint.spread = abs(float(view.inverse(np.array([centre[column] + spread[column]]))[0]) - view.hint.centre)
        inverse = lambda x, s=s, k=k, outer=view.inverse: outer(x * k + s)  # noqa: E731
        passed.append(ColumnView(view.hint, inverse))
    return passed


def _leaf(model: Any, views: Views) -> Views:
    _note_read(model, views)
    _note_remembered(model, views)
    find = getattr(optional_family(model), "booster_hints", None)
    if find is not None:
        _booster(find, model, views)
    for tree, columns in _trees(model):
        splits = tree.children_left >= 0
        for column in np.unique(tree.feature[splits]):
            at = column if columns is None else columns[column]
            view = views[at] if at < len(views) else None
            if view:
                _note_points(view, tree.threshold[splits & (tree.feature == column)])
    return []


def _note_remembered(model: Any, views: Views) -> None:
    """Notes the rows that the model compares others with, column by column; the first to tell is believed."""
    points = next((getattr(model, name) for name in REMEMBERED if hasattr(model, name)), None)
    if not isinstance(points, np.ndarray) or points.ndim != 2 or points.shape[1] != len(views):
        return
    for column, view in enumerate(views):
        if view and view.hint.remembered is None:
            view.hint.remembered = _as_written(view.inverse(np.asarray(points[:, column], np.float64)))


def _as_written(values: Array) -> Array:
    """Numbers without the last digits, which an inverse has spoilt: 3.0, not 2.9999999999999996."""
    return np.array([float(f"{value:.{DIGITS}g}") for value in values], np.float64)


def _booster(find: Callable[[Any], BoosterHints], model: Any, views: Views) -> None:
    try:
        told = find(model)
    except Refused as refusal:
        refusal.where = refusal.where or type(model).__name__
        raise
    for column, view in enumerate(views):
        if view:
            _note_points(view, told.points.get(column, []))
            view.hint.known += [float(code) for code in view.inverse(np.array(told.codes.get(column, []), np.float64))]
            if column in told.categories:
                _note_values(view, np.array(told.categories[column], object))
                view.hint.native, view.hint.closed = True, told.closed


def _positions(model: Any, views: Views) -> Views:
    for view, count in zip(views, model.n_categories_, strict=True):
        if view:
            view.hint.known += [float(position) for position in range(count)]
    return []


def _histograms(model: Any, views: Views) -> Views:
    """Its thresholds, and the categories of columns it treats as such; those come first in its trees."""
    order: Views = views
    if model._preprocessor is not None:
        mask = np.asarray(model.is_categorical_)
        categorical = [view for view, flag in zip(views, mask, strict=True) if flag]
        _encoder(model._preprocessor.named_transformers_["encoder"], categorical)
        order = [*(None for _ in categorical), *(view for view, flag in zip(views, mask, strict=True) if not flag)]
    for nodes in (predictor.nodes for stage in model._predictors for predictor in stage):
        for column in np.unique(nodes["feature_idx"][nodes["is_leaf"] == 0]):
            view = order[column] if column < len(order) else None
            if view:
                here = (nodes["feature_idx"] == column) & (nodes["is_leaf"] == 0)
                _note_points(view, nodes["num_threshold"][here])
    return []


def _trees(model: Any) -> Iterable[tuple[Any, Any]]:
    """The trees of a tree or a forest, each with the columns it was given; None where it was given all."""
    if hasattr(model, "tree_"):
        yield model.tree_, None
    members = np.ravel(np.asarray(getattr(model, "estimators_", []), object))
    for member, columns in zip(members, getattr(model, "estimators_features_", [None] * len(members)), strict=True):
        if hasattr(member, "tree_"):
            yield member.tree_, columns


def _note_points(view: ColumnView, points: Sequence[float] | Array) -> None:
    numbers = view.inverse(np.asarray(points, np.float64))
    view.hint.points += [float(value) for value in numbers if np.isfinite(value)]


VISITORS: dict[type, Callable[[Any, Views], Views]] = {
    Pipeline: _pipeline,
    ColumnTransformer: _side_by_side,
    FeatureUnion: _side_by_side,
    SelectorMixin: _selector,
    preprocessing.OneHotEncoder: _encoder,
    preprocessing.OrdinalEncoder: _encoder,
    preprocessing.TargetEncoder: _encoder,
    preprocessing.LabelBinarizer: _labels,
    preprocessing.LabelEncoder: _labels,
    CategoricalNB: _positions,
    CountVectorizer: _texts,
    DictVectorizer: _records,
    HashingVectorizer: _texts,
    TfidfTransformer: lambda model, views: views,  # in other units: which words it splits on is the same
    ensemble.HistGradientBoostingClassifier: _histograms,
    ensemble.HistGradientBoostingRegressor: _histograms,
    SimpleImputer: _imputer,
    preprocessing.FunctionTransformer: lambda model, views: views if model.func is None else [],
    preprocessing.StandardScaler: _scaler,
    preprocessing.RobustScaler: _scaler,
    preprocessing.MinMaxScaler: _min_max,
    preprocessing.MaxAbsScaler: _scaler,
}
