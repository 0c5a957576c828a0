"""Owns the models with functions and classes of a person's own, as notebooks have them. Knows nothing of converting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cloudpickle  # type: ignore[import-untyped,unused-ignore]  # joblib brings it
import numpy as np
from sklearn import compose, ensemble, impute, linear_model, model_selection, pipeline, preprocessing

from tests.campaigns.coverage.data import Case, case
from tests.support.convert import habits as others
from tests.support.convert import notebooks as module

cloudpickle.register_pickle_by_value(module)  # as if it stood in a notebook
cloudpickle.register_pickle_by_value(others)
notebooks: Any = module  # it is written as notebooks are, without types
habits: Any = others

OF_ARRAYS = (
    "log_all", "ratio", "interactions", "stacked", "concatenated", "row_statistics", "with_bias", "clipped", "signs",
    "choices", "normalised", "centred", "by_column", "cyclical", "binned", "without_missing", "missing_flags",
    "transposed", "framed", "vectorised",
)  # fmt: skip
OF_FRAMES = (
    "family_size", "log_fare", "map_sex", "is_child", "age_group", "age_labels", "known_ports", "port_codes",
    "fill_by_column", "has_cabin", "deck", "married", "name_length", "clean_sex", "title", "surname",
    "fare_per_person", "between_and_isin", "apply_age", "apply_rows", "renamed", "frame_statistics", "replaced",
    "masked", "loops", "square_root", "text_sum", "with_math", "title_by_split", "stages", "in_place", "located",
    "by_class", "several_columns", "buckets",
)  # fmt: skip

OF_TRIPS = (
    "calendar_parts", "parsed_dates", "month_circle", "duration", "days_since", "rush_hour", "season", "month_ends",
    "after_opening", "in_days", "drops_dates", "haversine", "manhattan", "bearing", "payment_kind", "zone_side",
    "zone_number", "zone_dummies", "zone_as_category", "price_bins", "price_levels", "nested_where", "selected",
    "ratios", "logs", "applied_map", "powers", "products", "counted_missing", "lambda_rows", "columns_by_type",
)  # fmt: skip
OF_PASSENGERS = (
    "titles", "titles_by_search", "titles_extracted", "cabin_letter", "cabin_known", "cleaned", "name_words",
    "ports_and_sex", "flags",
)  # fmt: skip

# Made-up texts are not so shaped as most need them; of Standardise only the index of a Series tells the columns.
# by_column cuts its logarithms in an array of whole numbers. All ask for rows of a person's own.
NEED_DATA = frozenset(("title_by_split", "Standardise", "zone_number", "zone_side", "titles", "by_column"))


def numbers(missing: bool = False) -> tuple[Any, Any]:
    """Four columns and a label; with every tenth cell empty if asked."""
    random = np.random.default_rng(0)
    x = np.round(random.normal(size=(300, 4)), 2)
    y = (x[:, 0] + x[:, 1] > 0).astype(int)
    return np.where(random.random(x.shape) < 0.1, np.nan, x) if missing else x, y


def steps() -> Iterator[tuple[str, Any, Any, Any]]:
    """A name, a step, and a table with its label, for each function and class that is one step by itself."""
    for name in OF_ARRAYS:
        yield name, preprocessing.FunctionTransformer(getattr(notebooks, name)), *numbers("missing" in name)
    for name in OF_FRAMES:
        yield name, preprocessing.FunctionTransformer(getattr(notebooks, name)), *notebooks.passengers()
    table, y = notebooks.passengers()
    yield "ColumnSelector", notebooks.ColumnSelector(["age", "fare", "sibsp"]), table, y
    yield "FrequencyEncoder", notebooks.FrequencyEncoder(), table, y
    yield "Standardise", notebooks.Standardise(), table[["fare", "sibsp", "pclass"]], y
    x, y = numbers()
    yield "Outliers", notebooks.Outliers(), x, y
    yield "CombinedAttributes", notebooks.CombinedAttributes(), x, y
    yield "OwnScaler", notebooks.OwnScaler(), x, y
    yield "keywords", preprocessing.FunctionTransformer(notebooks.cyclical, kw_args={"period": 12}), x, y


def of_habits() -> Iterator[tuple[str, Any, Any, Any]]:
    """The same of dates, places, cleaned texts, bins and lookups."""
    for names, (table, y) in ((OF_TRIPS, habits.trips()), (OF_PASSENGERS, notebooks.passengers())):
        for name in names:
            yield name, preprocessing.FunctionTransformer(getattr(habits, name)), table, y
    table, y = habits.trips()
    for step in (habits.GroupMeans(), habits.Winsorizer(), habits.RareLabels(), habits.FittedDummies()):
        yield type(step).__name__, step, table, y
    for step in (habits.ClusterSimilarity(3), habits.Likeness()):
        yield type(step).__name__, step, table[["lat", "lon"]].to_numpy(), y


def traced() -> Iterator[Case]:
    """Each step before a model, and classes among other steps."""
    for name, step, x, y in (*steps(), *of_habits()):
        if name in NEED_DATA:
            continue
        last = ensemble.HistGradientBoostingClassifier(max_iter=15)
        yield case("traced code", f"{name} > {type(last).__name__}", pipeline.make_pipeline(step, last), x, y)
    table, y = notebooks.passengers()
    logistic = linear_model.LogisticRegression(max_iter=1000)
    for name, before, more in (
        ("FamilySize", [notebooks.FamilySize()], ["family"]),
        ("MedianFiller", [notebooks.MedianFiller()], []),
        ("DropColumns", [notebooks.DropColumns(["name", "cabin"])], []),
        ("FamilySize > MedianFiller", [notebooks.FamilySize(), notebooks.MedianFiller()], ["family"]),
    ):
        model = pipeline.make_pipeline(*before, _prepared(more), logistic)
        yield case("traced code", f"{name} > ColumnTransformer > LogisticRegression", model, table, y)
    encoded = compose.make_column_transformer(
        (preprocessing.OneHotEncoder(handle_unknown="ignore"), ["title", "sex", "deck"]),
        (preprocessing.StandardScaler(), ["age", "fare", "family"]),
    )
    model = pipeline.make_pipeline(notebooks.Passengers(), encoded, logistic)
    yield case("traced code", "Passengers > ColumnTransformer > LogisticRegression", model, table, y)
    search = model_selection.GridSearchCV(model, {"logisticregression__C": [0.1, 1.0]}, cv=2)
    yield case("traced code", "a search over own steps", search, table, y)
    inside = compose.make_column_transformer(
        (preprocessing.FunctionTransformer(notebooks.log_all), ["fare"]),
        (preprocessing.FunctionTransformer(notebooks.is_woman), ["sex"]),
        (preprocessing.FunctionTransformer(notebooks.lengths), "name"),
    )
    yield case("traced code", "within a ColumnTransformer", pipeline.make_pipeline(inside, logistic), table, y)
    x, y = numbers()
    own = pipeline.make_pipeline(preprocessing.StandardScaler(), notebooks.Threshold())
    yield case("traced code", "a classifier of one's own", own, x, y)
    yield case("traced code", "a classifier round another", notebooks.Wrapped(), x, y)
    yield case("traced code", "a regressor of one's own", notebooks.Line(), x, x[:, 0] * 3 + 1)
    bare = preprocessing.FunctionTransformer(notebooks.ratio)
    yield case("traced code", "a function alone", bare, x)


def _prepared(more: list[str]) -> Any:
    numeric = pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler())
    words = preprocessing.OneHotEncoder(handle_unknown="ignore")
    return compose.make_column_transformer((numeric, ["age", "fare", "sibsp", *more]), (words, ["sex", "embarked"]))
