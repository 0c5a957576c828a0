"""Codes that occur in a text, each once: the pattern keeps rows apart; what only looks like it is not proven."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, numpy_helper

from server.artefact.mixing.analysis import find_mixing
from tests.server.artefact.mixing.test_texts import Graph, mixes

MOST = 7  # the code that fills up short texts
TABLE = np.array([[3.0, 1.0], [-1.0, 2.0], [0.5, 4.0], [9.0, 9.0], [9.0, 9.0], [9.0, 9.0], [9.0, 9.0], [0.0, 0.0]])
FULL = np.array([[3.0, 1.0]] * 7 + [[0.0, 5.0]])
END = 2**63 - 1


class Spoilt(dict[str, Any]):
    """What is otherwise than in the pattern."""

    def of(self, name: str, usual: Any) -> Any:
        """What stands there."""
        return self.get(name, usual)


def filled(graph: Graph, value: Any) -> str:
    """A column of one value."""
    rows = graph.add("Shape", "S", start=0, end=1)
    shape = graph.add("Concat", rows, graph.constant(np.array([1])), axis=0)
    return graph.add("ConstantOfShape", shape, value=numpy_helper.from_array(np.array([value])))


def part(graph: Graph, x: str, start: int, end: int) -> str:
    """Some of the columns."""
    return graph.add("Slice", x, *(graph.constant(np.array([bound])) for bound in (start, end, 1)))


def moved(graph: Graph, ids: str) -> str:
    """All but the last, behind a column of their number's sort that hangs on the width."""
    first = graph.add("Cast", graph.add("Shape", ids, start=1, end=2), to=TensorProto.INT64)
    column = graph.add("Mul", filled(graph, 1), first)
    return graph.add("Concat", column, part(graph, ids, 0, -1), axis=1)


def amounts_of(graph: Graph, spoilt: Spoilt) -> tuple[str, str]:
    """The codes and the counts."""
    ids = graph.tokens()
    if spoilt.of("filled", True):
        ids = graph.add("Concat", ids, filled(graph, MOST), axis=1)
    capped = graph.add(spoilt.of("capped", "Min"), ids, graph.constant(np.int64(spoilt.of("most", MOST))))
    length = graph.add("Shape", capped, start=spoilt.of("start", 1), end=2)
    order = {"largest": spoilt.of("largest", 0), "sorted": 1}
    graph.add("TopK", capped, length, outputs=2, axis=1, **order)
    ordered = f"t{len(graph.nodes) - 1}_0"
    equal = graph.add("Equal", part(graph, ordered, 1, END), part(graph, ordered, 0, spoilt.of("last", -1)))
    begins = graph.add("Cast", graph.add("Not", equal), to=spoilt.of("whole", TensorProto.INT64))
    first = filled(graph, np.int64(spoilt.of("first", 0)))
    sums = {"exclusive": spoilt.of("exclusive", 0)}
    runs = graph.add("CumSum", graph.add("Concat", first, begins, axis=1), graph.constant(np.int64(1)), **sums)
    nothing = graph.add("Mul", ordered, graph.constant(np.int64(0)))
    start = graph.add("Add", nothing, graph.constant(np.int64(spoilt.of("rest", MOST))))
    at = graph.add("ScatterElements", start, runs, ordered, axis=1, reduction=spoilt.of("how", "min"))
    ones = graph.add("Add", nothing, graph.constant(np.int64(spoilt.of("one", 1))))
    lengths = graph.add("ScatterElements", nothing, runs, ones, axis=1, reduction=spoilt.of("adds", "add"))
    counts = graph.add("Cast", lengths, to=TensorProto.DOUBLE)
    if beside := spoilt.of("beside", ""):
        weights = graph.add("Cast", ids if beside != "shifted" else moved(graph, ids), to=TensorProto.DOUBLE)
        own = graph.add("GatherElements", weights, ordered if beside == "by code" else ordered[:-1] + "1", axis=1)
        zeros = graph.add("Cast", nothing if beside != "by place" else at, to=TensorProto.DOUBLE)
        counts = graph.add("ScatterElements", zeros, runs, own, axis=1, reduction="add")
    if spoilt.of("masked", True):
        is_less = graph.add("Less", at, graph.constant(np.int64(spoilt.of("below", MOST))))
        counts = graph.add("Where", is_less, counts, graph.constant(np.float64(spoilt.of("else", 0.0))))
    return at, counts


def weighed(spoilt: Spoilt) -> bytes:
    """The file whose output is the sum of rows of a table, each as often as its code occurs."""
    graph = Graph()
    at, counts = amounts_of(graph, spoilt)
    rows = graph.add("Gather", graph.constant(spoilt.of("table", TABLE)), at, axis=0)
    name = graph.add("Einsum", counts, rows, equation=spoilt.of("equation", "rl,rlk->rk"))
    graph.add("Identity", name)
    graph.nodes[-1].output[0] = "out"
    return graph.model([("out", TensorProto.DOUBLE)])


def squared(spoilt: Spoilt) -> bytes:
    """The file whose output is the sum of all squares of counts."""
    graph = Graph()
    _, counts = amounts_of(graph, spoilt)
    axes = graph.constant(np.array([1]))
    name = graph.add(spoilt.of("reduce", "ReduceSum"), graph.add("Mul", counts, counts), axes, keepdims=1)
    graph.add("Identity", name)
    graph.nodes[-1].output[0] = "out"
    return graph.model([("out", TensorProto.DOUBLE)])


@pytest.mark.parametrize("made", [weighed, squared])
def test_what_occurs_is_proven(made: Any) -> None:
    assert find_mixing(made(Spoilt())) is None
    assert not mixes(made(Spoilt()))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("capped", "Max"), ("most", 6), ("most", 8), ("start", 0), ("largest", 1), ("last", -2), ("whole", 6)],
        *[("first", 1), ("first", -1), ("exclusive", 1), ("rest", 6), ("rest", 0), ("how", "max"), ("how", "add")],
        *[("one", 2), ("adds", "max"), ("masked", False), ("below", 8), ("below", 6), ("else", 1.0), ("table", FULL)],
        ("equation", "rl,rlk->r"),
    ],
)
def test_what_only_looks_like_it_is_not_proven(name: str, value: Any) -> None:
    assert find_mixing(weighed(Spoilt({name: value}))) is not None


@pytest.mark.parametrize("name", ["masked", "table", "most", "else"])
def test_what_is_not_proven_does_mix(name: str) -> None:
    spoilt = Spoilt({name: {"masked": False, "table": FULL, "most": 6, "else": 1.0}[name]})
    made = weighed if name == "table" else squared
    data = made(spoilt if name != "table" else Spoilt({**spoilt, "masked": False}))
    assert mixes(data)
    assert find_mixing(data) is not None


def test_long_sums_are_only_no_proof() -> None:
    graph = Graph()
    ids = name = graph.tokens()
    for _ in range(2000):
        name = graph.add("Add", name, graph.constant(np.int64(0)))
    graph.add("ScatterElements", name, ids, ids, axis=1, reduction="min")
    graph.nodes[-1].output[0] = "out"
    assert find_mixing(graph.model([("out", TensorProto.INT64)])) is not None


def test_the_largest_count_is_a_reduction_that_no_rule_knows() -> None:
    assert "longest text" in str(find_mixing(squared(Spoilt({"reduce": "ReduceMean"}))))


CHANGES: dict[str, list[Any]] = {
    **{name: [MOST - 1, MOST, MOST, MOST + 1] for name in ("most", "rest", "below")},
    "table": [TABLE, TABLE, FULL, TABLE * 0.0],
    "masked": [True, True, False],
    "beside": ["", "", "usual", "shifted"],
    "filled": [True, False],
    "largest": [0, 0, 0, 1],
    "first": [0, 0, 0, 1],
    "adds": ["add", "add", "max"],
    "else": [0.0, 0.0, 1.0],
}


def test_what_is_proven_of_any_changes_holds() -> None:
    chance, proven, mixing = Random(0), 0, 0
    for seed in range(75):
        spoilt = Spoilt({name: chance.choice(values) for name, values in CHANGES.items() if chance.random() < 0.3})
        data = chance.choice([weighed, squared])(spoilt)
        is_proven, mixed = find_mixing(data) is None, mixes(data)
        assert not (is_proven and mixed), (seed, spoilt)
        proven, mixing = proven + is_proven, mixing + mixed
    assert proven > 4
    assert mixing > 4


def test_what_occurs_adds_what_stands_beside_it() -> None:
    data = weighed(Spoilt({"beside": "usual"}))
    assert find_mixing(data) is None
    assert not mixes(data)


@pytest.mark.parametrize("way", ["shifted", "by code", "by place"])
def test_what_stands_elsewhere_is_not_proven(way: str) -> None:
    assert find_mixing(weighed(Spoilt({"beside": way}))) is not None
