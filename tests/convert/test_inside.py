"""What stands inside each wrapper of scikit-learn, which columns it sees, and that all who ask are told the same."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.multiclass import _ConstantPredictor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import all_estimators

from convert.errors import Refused
from convert.inside import DEEPEST, WRAPPERS, Inner, inside, is_bottomless
from convert.job import Converted
from convert.original.drawing import draw
from convert.original.hints.visiting import find_hints
from convert.original.original import open_original
from tests.campaigns.coverage.data import COLUMNS, Case, labels, mixed, numbers
from tests.campaigns.coverage.wrappers import FORMS, every_wrapper

# The first keeps only what it was given, which is not fitted; what the second keeps sees columns that others filled.
NOTHING_INSIDE = frozenset({"SequentialFeatureSelector", "IterativeImputer"})
ON_NUMBERS = [
    case for case in every_wrapper() if case.group in ("wrappers round numbers", "wrappers round bare numbers")
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "case", ON_NUMBERS, ids=lambda case: f"{case.group.removeprefix('wrappers round ')}-{case.name}"
)
def test_what_sees_columns_was_fitted_on_as_many(case: Case) -> None:
    try:
        model = case.make()
    except (ValueError, AttributeError) as error:
        pytest.skip(f"scikit-learn does not fit it: {error}")
    parts = inside(model)
    assert bool(parts) is (case.name not in NOTHING_INSIDE)
    for part in parts:
        if part.columns != () and hasattr(part.estimator, "fit") and not isinstance(part.estimator, _ConstantPredictor):
            assert part.estimator.n_features_in_ == (COLUMNS if part.columns is None else len(part.columns)), part


def test_every_wrapper_of_scikit_learn_is_told() -> None:
    given = {"estimator", "estimators", "regressor", "transformers", "transformer_list", "steps", "base_estimator"}
    for name, kind in all_estimators():
        if given & set(inspect.signature(kind).parameters):
            assert name in NOTHING_INSIDE or any(base in WRAPPERS for base in kind.__mro__), name


def test_what_is_not_fitted_has_nothing_inside() -> None:
    assert inside(GridSearchCV(LogisticRegression(), {})) == ()
    assert inside(LogisticRegression()) == ()


def test_columns_behind_others_are_told_in_order() -> None:
    x = numbers()
    chain = next(case for case in ON_NUMBERS if case.name == "ClassifierChain").make()
    assert [part.columns for part in inside(chain)] == [None, (*range(COLUMNS), None)]
    stacked = next(case for case in ON_NUMBERS if case.name == "StackingClassifier, passthrough").make()
    assert inside(stacked)[-1].columns == (*[None] * 6, *range(COLUMNS))
    assert not inside(stacked)[-1].sees_rows
    assert Inner("a", None, (0, 2)).sees_rows
    assert x.shape[1] == COLUMNS


def test_thresholds_are_found_in_the_wrappers_own_columns() -> None:
    x = numbers()
    y = labels("two words", x)
    plain = DecisionTreeClassifier(max_depth=3, random_state=0).fit(x, y)
    folded = CalibratedClassifierCV(FrozenEstimator(plain)).fit(x, y)
    voted = VotingClassifier([("a", DecisionTreeClassifier(max_depth=3, random_state=0))]).fit(x, y)
    points = [sorted(hint.points) for hint in find_hints(plain, COLUMNS)]
    assert any(points)
    for wrapper in (FixedThresholdClassifier(folded), voted):
        fitted = wrapper.fit(x, y)
        assert [sorted(hint.points) for hint in find_hints(fitted, COLUMNS)] == points


@pytest.mark.usefixtures("few_rows")
def test_all_who_ask_are_told_the_same(agrees: Callable[..., Converted]) -> None:
    table, y = mixed()
    inner = FORMS["mixed columns"].inner(LogisticRegression(max_iter=1000))
    voted = VotingClassifier([("cut", FixedThresholdClassifier(inner)), ("even", CalibratedClassifierCV(inner, cv=2))])
    model = GridSearchCV(voted, {}, cv=2).fit(table, y)
    features = {feature.name: feature for feature in agrees(model).artefact.features}
    assert list(features) == list(table.columns)
    assert features["income"].nullable
    known = find_hints(model, 5)[2].known
    assert set(known) == {"Paris", "Zürich", "Łódź"}
    lines = [line.strip("└├─│ ").split(":")[0] for line in draw(model).splitlines()]
    assert lines[:5] == ["GridSearchCV", "estimator", "cut", "estimator", "columntransformer"]
    assert "n [Age (years), income]" in lines


def test_replicas_are_drawn_once() -> None:
    y = np.arange(300) % 2
    drawn = draw(CalibratedClassifierCV(LogisticRegression(), cv=3).fit(numbers(), y))
    assert drawn.count("LogisticRegression") == 1


def test_an_estimator_that_contains_itself_is_refused_in_words() -> None:
    x = numbers()
    y = np.arange(300) % 2
    straight = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)
    straight.steps[1] = ("again", straight)
    voted = VotingClassifier([("a", LogisticRegression())]).fit(x, y)
    voted.estimators_[0] = voted
    deep = LogisticRegression().fit(x, y)
    for _ in range(DEEPEST + 1):
        deep = Pipeline([("inner", deep)])
    for model in (straight, voted, deep):
        with pytest.raises(Refused, match="contains itself, or more than 50 layers"):
            open_original(model)
    assert not is_bottomless(Pipeline([("inner", Pipeline([("inner", LogisticRegression().fit(x, y))]))]))
