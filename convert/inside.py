"""Owns what stands inside a fitted wrapper: which estimators, and which of the wrapper's columns each of them sees.

Knows nothing of what is done with them. What is not in `WRAPPERS` has nothing inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn import (
    calibration,
    compose,
    ensemble,
    feature_selection,
    frozen,
    linear_model,
    model_selection,
    multiclass,
    multioutput,
    pipeline,
    semi_supervised,
)
from sklearn.model_selection._search import BaseSearchCV

from convert.errors import Refused

DEEPEST = 50  # layers of estimators in estimators


@dataclass(frozen=True, slots=True)
class Inner:
    """An estimator inside a wrapper, by the name that a path or a drawing gives it.

    ``columns`` are the positions of the wrapper's columns that it sees, in its own order: None where it sees all of
    them, empty where it sees none; a None among them is a column that others make. ``estimator`` is fitted, or one of
    the words ``"drop"`` and ``"passthrough"``.
    """

    name: str
    estimator: Any
    columns: tuple[int | None, ...] | None = None

    @property
    def sees_rows(self) -> bool:
        """Whether it sees columns of the wrapper, and nothing else."""
        return self.columns is None or (bool(self.columns) and None not in self.columns)


def inside(model: Any) -> tuple[Inner, ...]:
    """What stands in ``model``, in its own order; empty where it is no wrapper or not fitted. Raises Refused."""
    kind = next((kind for kind in type(model).__mro__ if kind in WRAPPERS), None)
    try:
        return () if kind is None else tuple(WRAPPERS[kind](model))
    except AttributeError:  # the ones that are fitted are not there yet
        return ()
    except (TypeError, ValueError, LookupError) as error:
        raise Refused(
            f"what stands in this {type(model).__name__} is not kept as scikit-learn keeps it: {error}",
            "the file is damaged or was changed: fit and pickle the model again",
        ) from error


def inwards(model: Any) -> Iterator[Any]:
    """The model, then the estimators in it that see all rows as it sees them, each followed by those in it."""
    yield model
    for part in inside(model):
        if part.columns is None and hasattr(part.estimator, "fit"):
            yield from inwards(part.estimator)


def is_bottomless(model: Any) -> bool:
    """Whether an estimator contains itself, or so many layers that nobody built them by hand."""
    layer = {id(model): model}
    for _ in range(DEEPEST):
        layer = {id(part.estimator): part.estimator for each in layer.values() for part in inside(each)}
        if not layer:
            return False
    return True


def is_idle(step: Any) -> bool:
    """Whether a step hands on what it gets."""
    return step is None or (isinstance(step, str) and step == "passthrough") or is_sampler(step)


def is_sampler(step: Any) -> bool:
    """Whether a step chooses rows while fitting, as imbalanced-learn's do, and is skipped while predicting."""
    return hasattr(step, "fit_resample")


def is_dropped(step: Any) -> bool:
    """Whether a step is switched off together with its columns."""
    return isinstance(step, str) and step == "drop"


def _named(name: str, attribute: str) -> Callable[[Any], Iterable[Inner]]:
    return lambda model: [Inner(name, getattr(model, attribute))]


def _numbered(model: Any) -> Iterable[Inner]:
    return [Inner(str(number), estimator) for number, estimator in enumerate(model.estimators_)]


def _steps(model: Any) -> Iterable[Inner]:
    """The first step that is not idle sees the rows, a later one what it made of them."""
    first = next((number for number, (_, step) in enumerate(model.steps) if not is_idle(step)), len(model.steps))
    return [Inner(name, step, None if number <= first else ()) for number, (name, step) in enumerate(model.steps)]


def _by_columns(model: Any) -> Iterable[Inner]:
    positions = model._transformer_to_input_indices
    return [Inner(name, step, tuple(map(int, positions[name]))) for name, step, _ in model.transformers_]


def _union(model: Any) -> Iterable[Inner]:
    return [Inner(name, step) for name, step in model.transformer_list]


def _members(model: Any) -> Iterable[Inner]:
    names = [name for name, estimator in model.estimators if not is_dropped(estimator)]
    return [Inner(name, estimator) for name, estimator in zip(names, model.estimators_, strict=True)]


def _stacked(model: Any) -> Iterable[Inner]:
    """The last one sees the members' answers, and behind them the columns if they are passed through."""
    final = model.final_estimator_
    columns: tuple[int | None, ...] = ()
    if model.passthrough and hasattr(final, "n_features_in_"):
        passed = range(model.n_features_in_)
        columns = (*[None] * (final.n_features_in_ - len(passed)), *passed)
    return [*_members(model), Inner("final_estimator", final, columns)]


def _bagged(model: Any) -> Iterable[Inner]:
    every = list(range(model.n_features_in_))
    for part, features in zip(_numbered(model), model.estimators_features_, strict=True):
        yield part if list(features) == every else Inner(part.name, part.estimator, tuple(map(int, features)))


def _chained(model: Any) -> Iterable[Inner]:
    """Each sees the columns and, behind them, the answers of those before it."""
    every = range(model.n_features_in_)
    for number, estimator in enumerate(model.estimators_):
        yield Inner(str(number), estimator, (*every, *[None] * number) if number else None)


def _folds(model: Any) -> Iterable[Inner]:
    return [Inner(str(number), fold.estimator) for number, fold in enumerate(model.calibrated_classifiers_)]


def _on_support(model: Any) -> Iterable[Inner]:
    return [Inner("estimator", model.estimator_, tuple(map(int, np.flatnonzero(model.support_))))]


def _fitted_or_given(model: Any) -> Iterable[Inner]:
    return [Inner("estimator", getattr(model, "estimator_", model.estimator))]


WRAPPERS: dict[type, Callable[[Any], Iterable[Inner]]] = {
    BaseSearchCV: _named("estimator", "best_estimator_"),
    calibration.CalibratedClassifierCV: _folds,
    compose.ColumnTransformer: _by_columns,
    compose.TransformedTargetRegressor: _named("regressor", "regressor_"),
    ensemble.AdaBoostClassifier: _numbered,
    ensemble.AdaBoostRegressor: _numbered,
    ensemble.BaggingClassifier: _bagged,
    ensemble.BaggingRegressor: _bagged,
    ensemble.StackingClassifier: _stacked,
    ensemble.StackingRegressor: _stacked,
    ensemble.VotingClassifier: _members,
    ensemble.VotingRegressor: _members,
    feature_selection.RFE: _on_support,
    feature_selection.SelectFromModel: _fitted_or_given,
    frozen.FrozenEstimator: _named("estimator", "estimator"),
    linear_model.RANSACRegressor: _named("estimator", "estimator_"),
    model_selection.FixedThresholdClassifier: _fitted_or_given,
    model_selection.TunedThresholdClassifierCV: _named("estimator", "estimator_"),
    multiclass.OneVsOneClassifier: _numbered,
    multiclass.OneVsRestClassifier: _numbered,
    multiclass.OutputCodeClassifier: _numbered,
    multioutput.ClassifierChain: _chained,
    multioutput.MultiOutputClassifier: _numbered,
    multioutput.MultiOutputRegressor: _numbered,
    multioutput.RegressorChain: _chained,
    pipeline.FeatureUnion: _union,
    pipeline.Pipeline: _steps,
    semi_supervised.SelfTrainingClassifier: _named("estimator", "estimator_"),
}
