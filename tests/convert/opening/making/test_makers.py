"""What may be called while a file opens, with the arguments that it may be called with."""

from __future__ import annotations

import functools
import pickle
from collections import OrderedDict, defaultdict
from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import check_array

from convert.errors import Refused
from convert.opening.making.makers import MAKERS
from convert.opening.opener import open_model

PLAIN: list[Any] = [
    [1, -(2**70), 1.5, True, None, 1j, "x\U0001f600", b"\x00\xff", bytearray(b"ab")],
    [(1, (2,)), {1, 2}, frozenset(("a", "b")), {"a": [1]}, slice(1, None, 2), range(3)],
    [OrderedDict(b=1, a=2), defaultdict(list, a=[1]), defaultdict(OrderedDict)],
]


@pytest.mark.parametrize("protocol", [0, 2, 3, 4, 5])
@pytest.mark.parametrize("values", PLAIN)
def test_plain_values_open(values: Any, protocol: int) -> None:
    if protocol == 0:
        pytest.importorskip("pickle")
        values = [value for value in values if type(value) not in (slice, range)]
    assert open_model(pickle.dumps(values, max(protocol, 2))) == values


def test_a_check_of_numbers_keeps_its_settings() -> None:
    check = functools.partial(check_array, dtype=[np.float64], ensure_all_finite=False)
    opened = open_model(pickle.dumps(FunctionTransformer(check)))
    assert (opened.func.func, opened.func.args, opened.func.keywords) == (check.func, (), check.keywords)


def test_what_a_check_of_numbers_is_given_is_its_own() -> None:
    make, fill = MAKERS["functools.partial"]
    assert fill
    made, types = make((check_array,)), [np.float64]
    fill(made, (check_array, (), {"dtype": types}, None))
    types.append(print)  # type: ignore[arg-type]
    assert made.keywords == {"dtype": [np.float64]}


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("_codecs.encode", ("x", "rot13")),
        ("_codecs.encode", ("x",)),
        ("builtins.bytes", (10**12,)),
        ("builtins.bytearray", ([1, 2],)),
        ("builtins.frozenset", ([print],)),
        ("builtins.set", ([[]],)),
        ("builtins.set", ("abc",)),
        ("builtins.range", (10**12,)),
        ("builtins.slice", (print,)),
        ("builtins.complex", ("1j",)),
        ("collections.OrderedDict", ([(print, 1)],)),
        ("collections.OrderedDict", ({"a": 1},)),
        ("collections.defaultdict", (print,)),
        ("collections.defaultdict", (list, {"a": 1})),
        ("functools.partial", (np.log1p,)),
        ("functools.partial", (check_array, 1)),
        ("sklearn.tree._tree.Tree", (1, [1], 1)),
        ("sklearn.tree._tree.Tree", (-1, np.array([1]), 1)),
        ("sklearn.metrics._dist_metrics.newObj", (dict,)),
        ("sklearn.neighbors._kd_tree.newObj", (dict,)),
    ],
)
def test_other_arguments_are_refused(name: str, arguments: Any) -> None:
    with pytest.raises((Refused, ValueError)):
        MAKERS[name][0](arguments)


@pytest.mark.parametrize(
    "state",
    [
        (check_array, (), {"out": np.zeros(3)}, None),
        (check_array, (), {"estimator": print}, None),
        (check_array, (1,), {}, None),
        (print, (), {}, None),
        (check_array, (), {}, {"x": 1}),
        {"func": print},
    ],
)
def test_a_prepared_call_holds_only_settings(state: Any) -> None:
    make, fill = MAKERS["functools.partial"]
    assert fill is not None
    with pytest.raises(Refused):
        fill(make((check_array,)), state)
