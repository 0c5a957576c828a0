"""What only says or checks something is left out of a person's functions while they are recorded, and nothing else."""

from __future__ import annotations

from types import FunctionType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from convert.graph.graph import Graph
from convert.tracing.recording import columns_of, record_twice
from convert.tracing.silenced import without_words
from tests.support.convert import talkative as module
from tests.support.convert.talkative import Talkative, both_ways, talkative

TABLE = pd.DataFrame({"a": np.linspace(-1, 1, 40), "b": np.arange(40) % 7})


@pytest.mark.parametrize("function", [talkative, Talkative().double], ids=["a function", "a method"])
def test_code_that_prints_logs_and_asserts_is_recorded(function: Any, capsys: pytest.CaptureFixture[str]) -> None:
    own = getattr(function, "__func__", function)
    code, graph = own.__code__, Graph()
    made = record_twice(graph, function, TABLE, columns_of(TABLE, graph), function)
    assert made.width == 1
    assert capsys.readouterr().out == ""
    assert own.__code__ is code


@pytest.mark.parametrize("x", [0, 1])
def test_only_whole_statements_are_left_out(x: int, capsys: pytest.CaptureFixture[str]) -> None:
    quiet = FunctionType(without_words(both_ways.__code__), vars(module))
    said: list[Any] = []
    assert quiet(said, x) == (2, 1)
    assert said == ["kept"] * (3 + x)
    assert capsys.readouterr().out.count("kept") == 1


def test_code_that_says_nothing_is_as_it_was() -> None:
    code = test_code_that_says_nothing_is_as_it_was.__code__
    assert without_words((lambda df: df * 2).__code__) is not code
    plain = (lambda df: df * 2).__code__
    assert without_words(plain) is plain
