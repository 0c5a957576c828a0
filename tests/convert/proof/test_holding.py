"""Code that asks how a table holds its values, which a file does not know, is refused where that changes an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas
import pytest
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from convert.errors import Refused
from convert.original.original import open_original
from convert.original.schema import describe
from convert.proof.holding import refuse_holdings

COUNTS = pandas.DataFrame(np.random.default_rng(0).integers(0, 6, (60, 2)), columns=["a", "b"])
NAMES = pandas.DataFrame({"color": np.resize([" Red", "red", "BLUE"], 60), "n": np.arange(60) % 7})


def look(model: Any, data: Any = None) -> None:
    original = open_original(model)
    refuse_holdings(original, describe(original), data)


def by_selection(x: Any) -> Any:
    whole = x.select_dtypes(include=["int64"]).columns
    return x.assign(**{name: np.log1p(x[name].abs()) for name in whole})


def by_type(x: Any) -> Any:
    return x.assign(a=x["a"] * 2 if x["a"].dtype == "int64" else x["a"])


def into_an_array_like_it(x: Any) -> Any:
    made = np.zeros_like(x)
    made[:, 0] = x[:, 0] / 4
    return made


CODE: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "select_dtypes": (by_selection, COUNTS),
    "dtype ==": (by_type, COUNTS),
    "zeros_like": (into_an_array_like_it, COUNTS.to_numpy()),
    "reciprocal": (np.reciprocal, COUNTS + 1),
}


@pytest.mark.parametrize(("code", "table"), CODE.values(), ids=CODE)
def test_code_that_answers_whole_numbers_otherwise_is_refused(code: Callable[[Any], Any], table: Any) -> None:
    model = FunctionTransformer(code).fit(table)
    with pytest.raises(Refused, match="whole numbers") as refused:
        look(model)
    assert "--data" in refused.value.remedy
    floats = pandas.DataFrame(table).astype(float)
    look(model, floats.set_axis(["a", "b"], axis=1))
    with pytest.raises(Refused, match="whole numbers"):
        look(model, pandas.DataFrame(table))


FLAGS = pandas.DataFrame({"flag": np.arange(60) % 2 == 0, "n": np.arange(60) % 7})


def looked_up(x: Any) -> Any:
    return x.assign(flag=x["flag"].map({1: 5.0, 0: 2.0}))


def asked_for_truth(x: Any) -> Any:
    return x.assign(flag=x["flag"].apply(lambda value: 3.0 if value is True else 4.0))


@pytest.mark.parametrize("code", [looked_up, asked_for_truth])
def test_code_that_answers_booleans_otherwise_than_numbers_is_refused(code: Callable[[Any], Any]) -> None:
    model = FunctionTransformer(code).fit(FLAGS)
    with pytest.raises(Refused, match="booleans in column 'flag'") as refused:
        look(model)
    assert "--data" in refused.value.remedy
    look(model, FLAGS.astype({"flag": int, "n": float}))


def test_code_that_answers_what_may_be_booleans_alike_is_not_refused() -> None:
    for code in (
        lambda x: x.assign(flag=x["flag"].astype(int).map({1: 5.0, 0: 2.0})),
        lambda x: x.assign(n=np.sqrt(x["n"])),  # of booleans it would be rounded, and they are hardly meant
        lambda x: x.assign(flag=x["flag"].apply(lambda value: 3.0 if value else 4.0)),
    ):
        look(FunctionTransformer(code).fit(FLAGS))


def lowered(x: Any) -> Any:
    return x.assign(**{name: x[name].str.strip().str.lower() for name in x.columns if x[name].dtype == object})


def lowered_by_kind(x: Any) -> Any:
    texts = [name for name in x.columns if pandas.api.types.is_string_dtype(x[name])]
    return x.assign(**{name: x[name].str.strip().str.lower() for name in texts})


def test_code_that_answers_texts_of_another_type_otherwise_is_refused() -> None:
    def model(code: Callable[[Any], Any]) -> Any:
        encoded = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["color"]), remainder="passthrough")
        return make_pipeline(FunctionTransformer(code), encoded).fit(NAMES)

    with pytest.raises(Refused, match="objects"):
        look(model(lowered))
    look(model(lowered_by_kind))


def test_what_computes_alike_is_not_refused() -> None:
    for code in (lambda x: x / 2, lambda x: x**2 + 1, lambda x: x // 2 % 3, np.log1p, lambda x: x.assign(c=x["a"] / 3)):
        look(make_pipeline(FunctionTransformer(code), StandardScaler()).fit(COUNTS))
    look(StandardScaler().fit(COUNTS))
