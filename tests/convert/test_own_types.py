"""What the schema says of columns that own code turns into numbers, compares, or hands to a model that it keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cloudpickle  # type: ignore[import-untyped,unused-ignore]  # joblib brings it
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from convert.cli.report import proof_table
from convert.errors import Refused
from convert.export import export
from convert.job import convert, own_steps_of, with_booleans
from convert.opening.opener import OpenPolicy
from convert.opening.own_code import OwnCode
from convert.original.original import Original, open_original
from convert.original.schema import describe, without_unread
from convert.original.table import for_graph
from convert.proof.questions import ask_few_rows
from convert.proof.rows.usual import usual
from convert.proof.user_rows import kinds_of, texts_of
from convert.verify import verify
from server.artefact.runtime import Runtime
from tests.support.convert import wrappers as module

wrappers: Any = module  # it is written as notebooks are, without types
pytestmark = pytest.mark.filterwarnings("ignore")  # of pandas' next version


def opened(model: Any, data: Any = None) -> Original:
    """The original as converting opens it."""
    made = without_unread(open_original(model, None, "", kinds_of(data), (), texts_of(data)))
    return with_booleans(made, ())


def types(original: Original) -> dict[str, str]:
    return {feature.name: feature.dtype for feature in describe(original)}


def assert_exact(original: Original) -> None:
    """The graph answers usual rows as the model does."""
    features = describe(original)
    own = own_steps_of(original, features)
    exported = export(original, features, ask_few_rows(original, features), own)
    runtime = Runtime(exported.model.SerializeToString())
    rows = usual(np.random.default_rng(3), features, original.hints, 60)
    taken = np.array([original.accepts({name: values[[at]] for name, values in rows.items()}) for at in range(60)])
    rows = {name: values[taken] for name, values in rows.items()}
    assert taken.sum() > 10
    answers = original.ask(rows)
    got = runtime.run([output.name for output in exported.outputs], for_graph(rows, features))
    for values, output in zip(got, answers.values(), strict=True):
        if output.dtype.kind == "f":
            np.testing.assert_allclose(values, output, rtol=1e-6, atol=1e-9)
        else:
            assert values.tolist() == output.tolist()


@pytest.mark.parametrize(
    ("make", "kind", "texts"),
    [
        ("thresholded", "classifier", ["contract", "partner"]),
        ("mapped", "clusterer", ["contract", "partner"]),
        ("labelled", "clusterer", []),
        ("averaged", "regressor", []),
        ("untold", "regressor", []),
        ("united", "classifier", ["contract", "partner"]),
        ("encoded", "classifier", ["contract", "partner"]),
    ],
)
def test_a_class_round_a_model_has_the_columns_of_that_model(make: str, kind: str, texts: list[str]) -> None:
    original = opened(getattr(wrappers, make)())
    assert original.kind == kind
    assert [name for name, dtype in types(original).items() if dtype == "string"] == texts
    known = {name: hint.known for name, hint in zip(original.names, original.hints, strict=True)}
    assert all(known[name] for name in texts)
    assert_exact(original)


@pytest.mark.parametrize(
    ("function", "told", "unsure"),
    [
        ("coerced", {"tenure": "float64", "total": "string"}, ("total",)),
        ("emptied", {"tenure": "float64", "total": "string"}, ()),
        ("cast", {"tenure": "float64", "monthly": "float64"}, ("tenure",)),
        ("everywhere", {"contract": "string", "partner": "float64"}, ("partner", "tenure", "monthly")),
    ],
)
def test_columns_that_become_numbers_are_texts_or_the_report_asks_for_rows(
    function: str, told: dict[str, str], unsure: tuple[str, ...]
) -> None:
    model = wrappers.behind(getattr(wrappers, function)) if function != "everywhere" else _replaced_everywhere()
    original = opened(model)
    seen = types(original)
    assert {name: seen[name] for name in told} == told
    assert set(original.unsure) == set(unsure)
    assert_exact(original)


def _replaced_everywhere() -> Any:
    return wrappers.behind(lambda x: wrappers.everywhere(x[["contract", "partner", "tenure", "monthly"]]))


@pytest.mark.parametrize("make", ["of_texts", "of_searches"])
def test_texts_are_cleaned_by_expressions_of_a_persons(make: str) -> None:
    original = opened(getattr(wrappers, make)())
    assert types(original) == {"text": "string"}
    assert_exact(original)


def test_rows_of_a_persons_decide() -> None:
    table, _ = wrappers.customers()
    as_numbers = table.assign(total=pd.to_numeric(table["total"], errors="coerce"))
    model = wrappers.behind(wrappers.coerced)
    for rows, dtype in ((table, "string"), (as_numbers, "float64")):
        original = opened(model, rows)
        assert types(original)["total"] == dtype
        assert not original.unsure


def test_two_columns_of_texts_are_compared() -> None:
    table, _ = wrappers.customers()
    original = opened(wrappers.behind(wrappers.compared), table)
    assert types(original)["contract"] == types(original)["partner"] == "string"
    assert_exact(original)


def test_a_report_names_the_columns_and_what_tells() -> None:
    line = {"group": "usual", "way": "batched", "output": "value", "rows": 1, "wrong": 0, "ties": 0, "worst": 0.0}
    parity = {"lines": [line, line | {"way": "alone"}], "unsure": ["total"]}
    assert "whether total holds texts or numbers" in proof_table(parity)
    assert "--data" in proof_table(parity)


def test_probabilities_of_texts_without_classes_are_refused() -> None:
    model = wrappers.mapped()
    type(model).predict_proba = lambda self, x: self.model.predict_proba(x)
    try:
        original = opened(model)
        answers = original.ask(usual(np.random.default_rng(0), describe(original), original.hints, 2))
        with pytest.raises(Refused) as refusal:
            original.classes(answers)
    finally:
        del type(model).predict_proba
    assert "classes_" in refusal.value.remedy


@pytest.mark.parametrize("missing", [np.nan, None])
def test_objects_that_are_true_false_or_missing_are_numbers(missing: Any, converted: Callable[..., Any]) -> None:
    flags = np.array([True, False, missing] * 20, object)
    table = pd.DataFrame({"a": flags, "b": np.linspace(-1, 1, 60)})
    encoder = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["a"]), remainder="passthrough")
    original = opened(make_pipeline(encoder, LogisticRegression()).fit(table, (table["b"] > 0).astype(int)))
    feature = describe(original)[0]
    assert (feature.dtype, feature.nullable, feature.known) == ("float64", True, (0.0, 1.0))
    assert_exact(original)


def test_verify_asks_about_the_texts_of_the_file_or_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convert.proof.questions.ROWS", 300)
    model, table = wrappers.of_engines()
    pickled, policy = cloudpickle.dumps(model), OpenPolicy(code=OwnCode(()))
    onnx = convert(pickled, "m", table, policy, lambda *_: None).onnx
    for rows in (None, table):
        proof = verify(pickled, onnx, rows, OpenPolicy(code=OwnCode(())), lambda *_: None)
        assert (proof.wrong, proof.rows > 200) == (0, True)
