"""Owns the walk through a fitted model for what each estimator in it gives away of the columns it sees.

Knows nothing of schemas or rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn import ensemble, preprocessing
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer
from sklearn.feature_selection import SelectorMixin
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.impute._iterative import IterativeImputer
from sklearn.naive_bayes import CategoricalNB
from sklearn.pipeline import FeatureUnion, Pipeline

from convert.exporters.parts.dates import seconds_of, unit_of
from convert.exporters.parts.text.own_preprocessor import ODD
from convert.exporters.records import words_by_name
from convert.exporters.registry import TableHints, optional_family
from convert.graph.graph import Array
from convert.inside import Inner, inside, is_dropped, is_sampler
from convert.original.hints import column_functions, imputer_hints, own_columns
from convert.original.hints.column_hints import (
    ColumnHint,
    ColumnView,
    Views,
    note_points,
    note_read,
    note_values,
)
from convert.original.hints.hashed_words import words_with_weight
from convert.original.hints.imputer_hints import refuse_dates
from convert.original.hints.remembered import note_remembered
from convert.original.hints.tree_hints import note_booster, note_histograms, note_trees
from convert.original.hints.wordlist import invented


def find_hints(model: Any, width: int, told: Sequence[tuple[bool, list[str]]] = ()) -> list[ColumnHint]:
    """One hint per input column; ``told``: whether a person's rows hold numbers there, and texts of them."""
    hints = [ColumnHint() for _ in range(width)]
    for hint, (numeric, given) in zip(hints, told, strict=False):
        hint.numeric, hint.given = numeric, given
    _visit(model, [ColumnView(hint, lambda x: x) for hint in hints])
    for hint in hints:
        hint.words += [word for vectorizer in hint.hashed_by for word in words_with_weight(model, vectorizer)]
    return hints


def _visit(model: Any, views: Views) -> Views:
    """Notes what ``model`` tells of the columns it sees; answers what it passes on, empty where that is not known."""
    if is_sampler(model):
        return views
    if model is None or isinstance(model, str):
        note_read(model, views)
        return views
    own = own_columns.visit(model, views, _visit)
    if own is not None:
        note_read(model, own[1])
        return own[0]
    visit = next((visit for kind, visit in VISITORS.items() if isinstance(model, kind)), _wrapper)
    find = getattr(optional_family(model), "table_hints", None)
    if find is not None and not inside(model):
        return _library(model, find(model), views)
    if visit not in (_pipeline, _side_by_side, _wrapper):
        note_read(model, views)
    return visit(model, views)


def _library(model: Any, told: TableHints, views: Views) -> Views:
    note_read(model, views)
    for column, values in told.categories.items():
        if view := views[column]:
            note_values(view, np.array(values, object))
    for column, points in told.points.items():
        if view := views[column]:
            note_points(view, points)
    return [None if at is None else _behind(views[at], told.inverses.get(at)) for at in told.passed]


def _behind(view: ColumnView | None, back: Callable[[Array], Array] | None) -> ColumnView | None:
    if view is None or back is None:
        return view
    return ColumnView(view.hint, lambda x: view.inverse(back(x)))


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
            note_values(view, seconds_of(categories))
            continue
        refuse_dates(model, column, categories)
        if view:
            note_values(view, categories)
    return [None] * len(model.get_feature_names_out())


def _texts(model: Any, views: Views) -> Views:
    vocabulary = getattr(model, "vocabulary_", {})
    columns = {word: ColumnHint() for word in sorted(vocabulary, key=lambda word: int(vocabulary[word]))}
    for view in filter(None, views[:1]):
        view.hint.text = True
        view.hint.words += list(vocabulary) or invented()
        view.hint.words += ODD if callable(model.preprocessor) else ()
        view.hint.hashed_by += [model] if isinstance(model, HashingVectorizer) else []
        view.hint.by_word.update(columns)
    return [ColumnView(hint, lambda x: x) for hint in columns.values()]


def _labels(model: Any, views: Views) -> Views:
    for view in filter(None, views):
        note_values(view, np.asarray(model.classes_, object if model.classes_.dtype.kind == "U" else None))
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


def _leaf(model: Any, views: Views) -> Views:
    note_read(model, views)
    note_remembered(model, views)
    find = getattr(optional_family(model), "booster_hints", None)
    if find is not None:
        note_booster(find, model, views)
    note_trees(model, views)
    return []


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
    note_histograms(model, order)
    return []


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
    IterativeImputer: imputer_hints.guesser,
    MissingIndicator: imputer_hints.indicator,
    SimpleImputer: imputer_hints.imputer,
    preprocessing.FunctionTransformer: lambda model, views: views if model.func is None else [],
    preprocessing.Binarizer: column_functions.binary,
    preprocessing.KBinsDiscretizer: column_functions.bins,
    preprocessing.MaxAbsScaler: column_functions.scaler,
    preprocessing.MinMaxScaler: column_functions.min_max,
    preprocessing.QuantileTransformer: column_functions.quantiles,
    preprocessing.RobustScaler: column_functions.scaler,
    preprocessing.SplineTransformer: column_functions.splines,
    preprocessing.StandardScaler: column_functions.scaler,
}
