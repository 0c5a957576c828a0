"""Code that does something else in rare rows: recorded as it is there, or refused; made-up rows may not show it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import pytest

from convert.errors import Refused
from convert.graph.graph import Graph
from convert.tracing.recording import columns_of, record_twice
from tests.convert.tracing.test_steps import assert_same, held

FEW = pd.DataFrame({"word": np.resize(np.array(["a-x", "b-y", "c"], object), 40), "n": np.linspace(-2, 2, 40)})
WORDS = ["", "-", "--", "a", "a-", "-a", "a-b", "a--b", "-a-b", "a-b-", "a-b-c", "a-\n-b", None]

PAIRS = np.stack([np.linspace(-2, 2, 40), np.linspace(3, -3, 40)], axis=1)
LARGE = np.array([[1e4, 1e4], [1e4, -1e4], [1.0, 1.0], [-1e4, 1.0]])


def answered(function: Any, table: Any, rare: Any) -> Any:
    """What the graph of a function answers for rare rows, recorded over others: its one column."""
    graph = Graph()
    x = columns_of(table, graph)
    made = record_twice(graph, function, table, x, function)
    model = graph.finish({"y": made.take([0]).parts[0][0]}, {"y": (1,)})
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    columns = [rare.iloc[:, at] if isinstance(rare, pd.DataFrame) else rare[:, at] for at in range(x.width)]
    taken = {given.name for given in session.get_inputs()}
    feeds = {f"x{at}": held(column, x.parts[at][0].dtype) for at, column in enumerate(columns)}
    return session.run(None, {name: feed for name, feed in feeds.items() if name in taken})[0].reshape(-1)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_empty_pieces_of_texts_keep_their_places(place: int) -> None:
    def pieces(df: Any) -> Any:
        return df["word"].str.split("-").str[place]

    rare = pd.DataFrame({"word": np.array(WORDS, object), "n": 0.0})
    assert_same(answered(pieces, FEW, rare), pieces(rare))


def test_the_type_of_a_missing_text_is_a_floats() -> None:
    def is_there(df: Any) -> Any:
        return df["word"].apply(lambda value: 0 if type(value) == float else 1 if type(value) is str else 2)  # noqa: E721

    rare = pd.DataFrame({"word": np.array(["", "a", np.nan], object), "n": 0.0})
    assert_same(answered(is_there, FEW, rare), is_there(rare))


def test_a_column_made_by_eval_may_be_a_comparison() -> None:
    def positive(df: Any) -> Any:
        return df.eval("n = (n >= 0.5) * 2")["n"]

    assert_same(answered(positive, FEW, FEW), positive(FEW))


def by_a_view(x: Any) -> Any:
    x = x.copy()
    first = x[:, 0]
    first[x[:, 0] * x[:, 1] > 1e6] = 0
    return x


def by_another_name(x: Any) -> Any:
    whole = x.copy()
    same = whole
    same += np.where(whole[:, :1] * whole[:, 1:] > 1e6, 5.0, 0.0)
    return whole


def by_a_shape(x: Any) -> Any:
    first = x[:, 0].copy()
    first.reshape(-1, 1)[x[:, 0] * x[:, 1] > 1e6] = 0
    return first


def by_what_was_taken_before(x: Any) -> Any:
    x = x.copy()
    first = x[:, 0]
    x[:, 0] = np.where(x[:, 0] * x[:, 1] > 1e6, -1, x[:, 0])
    return first


@pytest.mark.parametrize("function", [by_a_view, by_another_name, by_a_shape, by_what_was_taken_before])
def test_what_is_written_into_a_view_stands_in_the_array(function: Any) -> None:
    expected = np.asarray(function(LARGE)).reshape(len(LARGE), -1)[:, 0]
    assert_same(answered(function, PAIRS, LARGE), expected)


def begun_empty(df: Any) -> Any:
    out = pd.DataFrame()
    out["n"] = df["n"] * 2
    out["word"] = (df["word"] == "c").astype(float)
    out["one"] = 1.0
    return out[["n", "word", "one"]]


def begun_with_an_index(df: Any) -> Any:
    out = pd.DataFrame(index=df.index)
    out["n"] = df["n"] * 2
    return out.fillna(0)


@pytest.mark.parametrize("function", [begun_empty, begun_with_an_index])
def test_a_frame_begun_empty_is_that_of_its_columns(function: Any) -> None:
    rare = pd.DataFrame({"word": np.array(WORDS, object), "n": np.linspace(-9, 9, len(WORDS))})
    assert_same(answered(function, FEW, rare), function(rare)["n"])


def test_a_frame_added_to_in_place_is_the_same_frame() -> None:
    def added(df: Any) -> Any:
        kept = df.copy()
        same = kept["n"]
        other = same
        other += np.where(same > 1e6, 5.0, 0.0)
        return same

    rare = pd.DataFrame({"word": np.array(["a", "a"], object), "n": [1.0, 1e7]})
    assert_same(answered(added, FEW, rare), added(rare))


def written_by_out(df: Any) -> Any:
    x = df[["n"]].to_numpy().copy()
    np.clip(x, -100, 100, out=x)
    return x


def missing_in_place(df: Any) -> Any:
    x = df[["n"]].to_numpy().copy()
    np.nan_to_num(x, copy=False)
    return x


def masked_in_place(df: Any) -> Any:
    whole = df[["n"]].copy()
    whole.mask(whole["n"] * whole["n"] > 1e6, 0, inplace=True)
    return whole


def filled_once(df: Any) -> Any:
    return df["n"].fillna(0, limit=1)


def at_least_two(df: Any) -> Any:
    return df[["n"]].sum(axis=1, min_count=2)


def split_by_expression(df: Any) -> Any:
    return df["word"].str.split(".", regex=True).str[0]


def this_year(df: Any) -> Any:
    return datetime.now().year - df["n"]  # noqa: DTZ005  as people write it


def this_moment(df: Any) -> Any:
    return df["n"] + pd.Timestamp("now").year + pd.to_datetime("today").year


def caught_for_the_table(df: Any) -> Any:
    try:
        return df["n"] - df["n"].mean()
    except Exception:  # noqa: BLE001  as people write it
        return df["n"]


def caught_for_a_text(df: Any) -> Any:
    def number(x: Any) -> Any:
        try:
            return float(x.strip())
        except Exception:  # noqa: BLE001  as people write it
            return 0.0

    return df["word"].apply(number)


def caught_at_zero(df: Any) -> Any:
    def inverse(x: Any) -> Any:
        try:
            return 1 / (x - 7.3125)
        except ZeroDivisionError:
            return 0.0

    return df["n"].apply(inverse)


def by_many_rows(df: Any) -> Any:
    return df["n"] * (1 + len(df) // 5000)


def by_many_labels(df: Any) -> Any:
    return df["n"] * (1 + len(df.index) // 5000) + len(df["n"].index) // 5000


def without_end(df: Any) -> Any:
    def halved(x: Any) -> Any:
        while x > 1:
            x = x / 2
        return x

    return df["n"].apply(halved)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (written_by_out, "out= is not recorded"),
        (missing_in_place, "writes into its rows"),
        (masked_in_place, "inplace= is not recorded"),
        (filled_once, "limit= is not recorded"),
        (at_least_two, "min_count= is not recorded"),
        (split_by_expression, "regex= is not recorded"),
        (this_year, "asks for the time"),
        (this_moment, "asks for the time"),
        (caught_for_the_table, "over the rows of the table"),
        (caught_for_a_text, "catches errors"),
        (caught_at_zero, "catches errors"),
        (by_many_rows, "the number of rows"),
        (by_many_labels, "the number of rows"),
        (without_end, "decisions on one way"),
    ],
)
def test_what_would_be_recorded_as_something_else_is_refused(function: Any, reason: str) -> None:
    graph = Graph()
    with pytest.raises(Refused) as caught:
        record_twice(graph, function, FEW, columns_of(FEW, graph), function)
    assert reason in caught.value.reason


def test_a_clock_that_others_read_while_code_is_recorded_goes_on() -> None:
    seen: list[datetime] = []

    def watched(df: Any) -> Any:
        seen.append(pd.Timestamp(2026, 1, 2).to_pydatetime())
        assert isinstance(seen[-1], datetime)
        return df["n"] + np.ones((len(df), 1))[:, 0] + np.full(len(df), 2.0) + [1.0] * len(df)

    assert_same(answered(watched, FEW, FEW), watched(FEW))


def kinds_of_texts(df: Any) -> Any:
    return df["word"].apply(lambda x: len(x) if isinstance(x, str) else -1)


def missing_as_float(df: Any) -> Any:
    return df["word"].apply(lambda x: -1 if isinstance(x, float) else len(x))


def decimals_of_python(df: Any) -> Any:
    return df["n"].apply(lambda x: round(x, 2))


def decimals_of_numpy(df: Any) -> Any:
    return df[["n"]].apply(lambda row: round(row["n"], 2), axis=1)


@pytest.mark.parametrize("function", [kinds_of_texts, missing_as_float, decimals_of_python, decimals_of_numpy])
def test_functions_of_one_value_answer_rare_ones_as_python_does(function: Any) -> None:
    numbers = [1.115, 0.285, 2.675, 1.005, -1.115, 0.125, 0.375, 1e17 + 64, 7e300, -0.0, 5.015, 1.255, np.nan]
    rare = pd.DataFrame({"word": np.resize(np.array([None, "", "abc"], object), len(numbers)), "n": numbers})
    assert_same(answered(function, FEW, rare), function(rare))


@pytest.mark.parametrize(
    "function",
    [
        lambda df: df["n"].clip(lower=df["m"]),
        lambda df: df["n"].clip(upper=df["m"]),
        lambda df: df["n"].clip(upper=np.nan),
        lambda df: df["word"].replace("", np.nan).fillna("none"),
        lambda df: df["n"].apply(lambda x: (x > 1) + (x > 2)),
        lambda df: df["n"].apply(lambda x: ~(x > 1)),
        lambda df: df[["n", "m"]].apply(lambda row: (row["n"] > 1) + (row["m"] > 1), axis=1),
        lambda df: np.fmod(df["k"].astype(int), df["k"].astype(int) - 1),
    ],
    ids=["lower", "upper", "no limit", "empty texts", "booleans", "inverted", "numpy's booleans", "by zero"],
)
@pytest.mark.filterwarnings("ignore")
def test_rare_values_are_as_pandas_and_python_have_them(function: Any) -> None:
    few = FEW.assign(m=np.linspace(2, -2, 40), k=np.arange(40.0) % 5 + 2)
    numbers = [2.5, -3.0, np.nan, 1.5]
    words = np.array(["", "a", None, "b"], object)
    rare = pd.DataFrame({"word": words, "n": numbers, "m": [np.nan, 1.0, 2.0, 1.5], "k": [1.0, 2.0, 0.0, -7.0]})
    assert_same(answered(function, few, rare), function(rare))


EDGES = [-np.inf, -1e200, -7.5, -1.0, -0.3, 0.0, 0.3, 1.0, 2.5, 1e200, np.inf, np.nan]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x[:, 0] // x[:, 1],
        lambda x: x[:, 0] % x[:, 1],
        lambda x: np.arctan(x[:, 0]) + 0 * np.isnan(x[:, 1]),
        lambda x: x.argmax(axis=1),
        lambda x: np.isin(x, [2.5, np.nan])[:, 0],
    ],
    ids=["floor division", "remainder", "arctan", "argmax", "isin"],
)
@pytest.mark.filterwarnings("ignore")
def test_numbers_at_the_edges_are_as_numpy_has_them(function: Any) -> None:
    rare = np.array([[a, b] for a in EDGES for b in EDGES])
    assert_same(answered(function, PAIRS, rare), function(rare))


@pytest.mark.parametrize("pattern", ["i", "x.i", "[h-j]x", "[^a-z]", "k", r"\.[a-c]i?x", "ss"])
def test_letters_of_any_case_are_those_of_python(pattern: str) -> None:
    def found(df: Any) -> Any:
        return df["word"].str.contains(pattern, case=False)

    letters = [
        "i",
        "I",
        "\u0131",
        "\u0130",
        "\u212a",
        "\u017fs",
        "K",
        "x.I",
        "\u0130x",
        "x\u0131",
        ".B\u0130X",
        "9",
        "",
    ]
    rare = pd.DataFrame({"word": np.array(letters, object), "n": 0.0})
    assert_same(answered(found, FEW, rare), found(rare))
