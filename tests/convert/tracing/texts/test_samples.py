"""Own code that takes texts apart is asked about texts that it takes apart: such as its expressions match."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from convert.graph.graph import Graph
from convert.original.original import open_original
from convert.original.schema import describe
from convert.proof.rows.usual import usual
from convert.tracing.recorder.texts.samples import around, matching
from convert.tracing.recording import columns_of, record, recorder_for
from tests.convert.tracing.test_rare_rows import FEW

PATTERNS = (
    r"Mr", r"\d+", r"^\d{3}-\w+$", r"a|bc", r"[^,]+, [A-Z]", r"\s+", r"(?:x|y){2,}z?", r".", r"[a-c]*d", r"\W", "a.b",
)  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_samples_of_an_expression_match_it(pattern: str) -> None:
    found = matching(pattern)
    assert found
    assert all(re.search(pattern, text) for text in found)


def test_an_expression_that_is_none_has_no_samples() -> None:
    assert matching("(") == []
    assert matching("(", literal=True) == ["("]


def test_others_like_them_differ_in_letters_and_ends() -> None:
    assert {"mr.", "MR.", "Mr", " Mr. "} <= set(around(["Mr."]))


def learned(function: Any) -> list[str]:
    graph = Graph()
    rows = FEW[:13]
    recorder = recorder_for(graph, rows)
    record(recorder, function, rows, columns_of(rows, graph), function)
    return recorder.learned[0].samples


def title(df: Any) -> Any:
    return df["word"].str.split(",").str[1].str.strip().str.split(". ", regex=False).str[0].map({"Mr": 1.0, "Dr": 2.0})


def by_value(df: Any) -> Any:
    return df["word"].apply(lambda name: 1.0 if name.split(",")[0].lower() == "smith" else 0.0)


def by_group(df: Any) -> Any:
    return df["word"].str.extract(r" ([A-Za-z]+)\.", expand=False).isin(["Mr"]).astype(float)


@pytest.mark.parametrize(("function", "text"), [(title, "w,Mr. v,v"), (by_value, "smith,v"), (by_group, " Mr.")])
def test_samples_lead_to_the_values_that_are_looked_up(function: Any, text: str) -> None:
    assert text in learned(function)


def test_they_stand_among_the_rows_of_a_proof() -> None:
    from sklearn.preprocessing import FunctionTransformer

    def found(df: Any) -> Any:
        return pd.DataFrame({"is": df["word"].str.contains("Mrs?[.]").astype(float), "n": df["n"]})

    original = open_original(FunctionTransformer(found).fit(FEW))
    rows = usual(np.random.default_rng(0), describe(original), original.hints, 500)
    share = np.mean([re.search("Mrs?[.]", text) is not None for text in rows["word"]])
    assert 0.2 < share < 0.95
