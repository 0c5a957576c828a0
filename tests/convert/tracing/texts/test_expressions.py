"""Regular expressions of own code find what Python finds, in texts that made-up rows may lack; or they are refused."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from convert.errors import Refused
from tests.convert.tracing.test_rare_rows import FEW, answered
from tests.convert.tracing.test_steps import assert_same

RARE = [
    "US$5 or",
    "US$",
    "$",
    "a (b) c (d)",
    "()",
    "a,b;c",
    ";x",
    "a;;b,",
    " foo  bar ",
    "ab aab",
    "a|b",
    "",
    "^a",
    None,
]
TEXTS = pd.DataFrame({"word": np.array(RARE, object), "n": 0.0})


def found(pattern: str) -> Any:
    return lambda df: df["word"].str.contains(pattern, na=False).astype(float)


def replaced(pattern: str) -> Any:
    return lambda df: df["word"].str.replace(pattern, "_", regex=True).str.len()


def counted(pattern: str) -> Any:
    return lambda df: df["word"].str.count(pattern).astype(float)


def split(pattern: str, place: int) -> Any:
    return lambda df: df["word"].str.split(pattern).str[place].str.len()


def split_as_it_stands(separator: str, place: int) -> Any:
    return lambda df: df["word"].str.split(separator, regex=False).str[place].str.len()


def replaced_in_any_case(df: Any) -> Any:
    return df["word"].str.replace("ab", "_", case=False, regex=False).str.len()


def searched(pattern: str) -> Any:
    def first(value: Any) -> int:
        hit = re.search(pattern, value) if isinstance(value, str) else None
        return 2 if hit is None else 1 if hit.group(0) == "(b)" else 0

    return lambda df: df["word"].apply(first).astype(float)


@pytest.mark.parametrize(
    "function",
    [
        found(r"\$"),
        found(r"US\$"),
        found(r"\$$"),
        found(r"r$"),
        found(r"\^a"),
        replaced(r"\([^)]*\)"),
        replaced(r"foo|bar|ab"),
        counted(r"\w+"),
        counted(r"[ab]+"),
        counted(r"."),
        replaced(r"\(.*\)"),
        split(r"[,;]", 0),
        split(r"[,;]+", 1),
        split(r"\s+", 1),
        split("; ", 0),
        split_as_it_stands("b)", 0),
        split_as_it_stands(". ", 0),
        split_as_it_stands("||", 0),
        searched(r"\([a-z]\)"),
        replaced(r"\(.*?\)"),
        counted(r"\(.+?\)"),
        searched(r"\(.+?\)"),
    ],
    ids=lambda function: function.__qualname__.split(".")[0],
)
def test_an_expression_finds_what_python_finds(function: Any) -> None:
    assert_same(answered(function, FEW, TEXTS), function(TEXTS))


@pytest.mark.parametrize(
    "function",
    [
        replaced(r"\(.*?\)b"),
        replaced(r"a|ab"),
        replaced(r"a?(?:ab)?c"),
        counted(r"\(.+?b+"),
        counted(r"a|aab"),
        split(r"([,;])", 1),
        split(r"a|ab", 0),
        searched(r"\(.+?b|c"),
    ],
    ids=lambda function: function.__qualname__.split(".")[0],
)
def test_an_expression_of_which_the_longest_piece_is_another_is_refused(function: Any) -> None:
    with pytest.raises(Refused, match=r"regular expression|split at"):
        answered(function, FEW, TEXTS)


def test_known_columns_of_dummies_are_those_of_their_own_column() -> None:
    def dummies(df: Any) -> Any:
        known = ["word_kind_x", "word_a", "word_n"]
        made = pd.get_dummies(df).reindex(columns=known, fill_value=0)
        return made["word_kind_x"] + made["word_a"] * 2 + made["word_n"] * 4

    table = FEW.rename(columns={"n": "word_n"}).assign(word_kind=np.resize(np.array(["x", "y"], object), len(FEW)))
    rare = pd.DataFrame({"word": ["a", "b", "c"], "word_n": [1.0, 2.0, 3.0], "word_kind": ["x", "y", "y"]})
    assert_same(answered(dummies, table, rare), [7.0, 8.0, 12.0])


def test_a_replacement_in_any_case_is_refused() -> None:
    with pytest.raises(Refused, match="case="):
        answered(replaced_in_any_case, FEW, TEXTS)
