"""Sums over texts beside longer ones: graphs drawn by chance of all that may stand before one; some declare lies."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from server.artefact.mixing.analysis import find_mixing
from server.artefact.runtime import BadModel, Runtime
from tests.server.artefact.mixing.test_occurring import END, filled, part
from tests.server.artefact.mixing.test_texts import Graph

DOUBLE, INT64 = TensorProto.DOUBLE, TensorProto.INT64
WORDS = ["a b c", "a", "b a", "", "c c c c b", "x", "a a", "z z z z z z", "b c a b", "c"]
MOST = 7  # the code of the padding


class Drawn(Graph):
    """A graph of texts under construction: codes, amounts of floats, rows of floats at each place, booleans."""

    def __init__(self, chance: Random) -> None:
        super().__init__()
        self.chance = chance
        self.codes = [self.tokens()]
        self.amounts: list[str] = []
        self.rows: list[str] = []
        self.flags: list[str] = []

    def whole(self, *values: int) -> str:
        """One of these numbers."""
        return self.constant(np.int64(self.chance.choice(values)))

    def real(self, *values: float) -> str:
        """One of these, as a float."""
        return self.constant(np.float64(self.chance.choice(values)))

    def usual(self, value: int, *others: int) -> int:
        """Mostly the first."""
        return value if self.chance.random() < 0.93 else self.chance.choice(others)

    def table(self, *width: int) -> str:
        """Floats for each code; mostly zeros for the padding."""
        table = np.array(self.chance.choices([0.0, 1.0, 2.5, -1.0], k=8 * sum(width or (1,)))).reshape(8, *width)
        if self.chance.random() < 0.7:
            table[MOST] = 0.0
        return self.constant(table)


def listed(graph: Drawn, code: str) -> None:
    graph.amounts.append(graph.add("Gather", graph.table(), code, axis=0))


def looked_up(graph: Drawn, code: str) -> None:
    graph.rows.append(graph.add("Gather", graph.table(graph.chance.choice([1, 2, 3])), code, axis=0))


def recoded(graph: Drawn, code: str) -> None:
    table = np.array(graph.chance.choices([0, 1, 2, 7, -1], k=8))
    graph.codes.append(graph.add("Gather", graph.constant(table), code, axis=0))


def cast(graph: Drawn, code: str) -> None:
    graph.amounts.append(graph.add("Cast", code, to=DOUBLE))


def computed(graph: Drawn, code: str) -> None:
    operator = graph.chance.choice(["Add", "Mul", "Sub", "Min", "Abs"])
    others = [] if operator == "Abs" else [graph.chance.choice([graph.whole(-1, 0, 1, 2, 7), *graph.codes])]
    graph.codes.append(graph.add(operator, code, *others))


def computed_amounts(graph: Drawn, code: str) -> None:
    if not graph.amounts:
        listed(graph, code)
        return
    operator, one = graph.chance.choice(["Mul", "Mul", "Add", "Sub", "Div", "Log", "Abs", "Min"]), graph.amounts[-1]
    others = (
        [graph.chance.choice([graph.real(0.0, 1.0, 2.0), *graph.amounts])] if operator not in ("Log", "Abs") else []
    )
    graph.amounts.append(graph.add(operator, one, *others))


def compared(graph: Drawn, code: str) -> None:
    operator = graph.chance.choice(["Equal", "Greater", "Less"])
    graph.flags.append(graph.add(operator, code, graph.whole(-1, 0, 1, 2, 7)))


def masked(graph: Drawn, code: str) -> None:
    if not graph.flags or not graph.amounts:
        compared(graph, code)
        return
    kept, other = graph.chance.choice(graph.amounts), graph.chance.choice([graph.real(0.0), *graph.amounts])
    graph.amounts.append(graph.add("Where", graph.chance.choice(graph.flags), kept, other))


def moved(graph: Drawn, code: str) -> None:
    column, one, minus = graph.column(graph.chance.choice([7, 0])), graph.constant([1]), graph.constant([-1])
    before = graph.add("Slice", code, graph.constant([0]), minus, one)
    after = graph.add("Slice", code, one, graph.constant([2**62]), one)
    joined = graph.chance.choice([(column, before), (after, column), (code, column)])
    graph.codes.append(graph.add("Concat", *joined, axis=1))


def last(graph: Drawn, code: str) -> None:
    graph.codes.append(graph.put_last(code, graph.chance.choice([-1, 0, 2, 7])))


def occurring(graph: Drawn, code: str) -> None:
    """The codes that occur, with how often or how much; now and then spoilt."""
    most = graph.chance.choice([7, 7, 7, 6, 8])
    capped = graph.add("Min", code, graph.constant(np.int64(most)))
    length = graph.add("Shape", capped, start=1, end=2)
    order = graph.add("TopK", capped, length, outputs=2, axis=1, largest=graph.usual(0, 1), sorted=1)
    ordered = order[:-1] + "0"
    equal = graph.add("Equal", part(graph, ordered, 1, END), part(graph, ordered, 0, -1))
    begins = graph.add("Cast", graph.add("Not", equal), to=INT64)
    first = filled(graph, np.int64(graph.usual(0, 1, -1)))
    runs = graph.add("CumSum", graph.add("Concat", first, begins, axis=1), graph.constant(np.int64(1)))
    nothing = graph.add("Mul", ordered, graph.constant(np.int64(0)))
    start = graph.add("Add", nothing, graph.constant(np.int64(graph.usual(most, most - 1, 0))))
    at = graph.add("ScatterElements", start, runs, ordered, axis=1, reduction="min")
    if graph.amounts and graph.chance.random() < 0.5:
        own = graph.add("GatherElements", graph.chance.choice(graph.amounts), order, axis=1)
        nothing = graph.add("Cast", nothing, to=DOUBLE)
        sums = graph.add("ScatterElements", nothing, runs, own, axis=1, reduction="add")
    else:
        own = graph.add("Add", nothing, graph.constant(np.int64(graph.usual(1, 2))))
        sums = graph.add("ScatterElements", nothing, runs, own, axis=1, reduction="add")
        sums = graph.add("Cast", sums, to=DOUBLE)
    if graph.chance.random() < 0.9:
        is_less = graph.add("Less", at, graph.constant(np.int64(graph.usual(most, most + 1, most - 1))))
        sums = graph.add("Where", is_less, sums, graph.constant(np.float64(graph.usual(0, 1))))
    graph.codes.append(at)
    graph.amounts.append(sums)


STEPS: list[Callable[[Drawn, str], None]] = [
    *(listed, listed, looked_up, recoded, cast, computed, computed_amounts, computed_amounts, compared, masked),
    *(moved, moved, last, occurring, occurring, occurring),
]


def drawn(chance: Random) -> bytes:
    """A graph from texts to a sum."""
    graph = Drawn(chance)
    if chance.random() < 0.7:
        graph.codes = [graph.add("Concat", graph.codes[0], graph.column(MOST), axis=1)]
    for _ in range(chance.randrange(2, 9)):
        chance.choice(STEPS)(graph, chance.choice(graph.codes))
    if not graph.amounts:
        cast(graph, graph.codes[-1])
    amount = chance.choice(graph.amounts[-3:])
    if graph.rows and chance.random() < 0.6:
        total = graph.add("Einsum", amount, chance.choice(graph.rows), equation="rl,rlk->rk")
    else:
        summed = chance.choice([amount, graph.add("Mul", amount, amount), *graph.rows[-1:]])
        total = graph.add("ReduceSum", summed, graph.constant([1]), keepdims=1)
    graph.add("Identity", total)
    graph.nodes[-1].output[0] = "out"
    return graph.model([("out", DOUBLE)])


def with_lie(data: bytes, chance: Random) -> bytes:
    """The same file, which declares some shape of one of its tensors."""
    model = onnx.load_model_from_string(data)
    name = chance.choice([name for node in model.graph.node for name in node.output if name != "out"])
    dims = chance.choices(["N", "M", None, 1, 2, 4, 5], k=chance.choice([1, 2, 2, 2, 3]))
    model.graph.value_info.append(helper.make_tensor_value_info(name, chance.choice([INT64, DOUBLE]), dims))
    return bytes(model.SerializeToString())


def mixes(data: bytes, chance: Random) -> bool:
    """Whether a text is summed otherwise alone than beside others, or one other; False where the graph does not run."""
    words = np.array(chance.sample(WORDS, 6), np.object_)
    try:
        runtime = Runtime(data)
        together = runtime.run(["out"], {"S": words})[0]
        alone = np.concatenate([runtime.run(["out"], {"S": words[at : at + 1]})[0] for at in range(6)])
        pairs = [runtime.run(["out"], {"S": words[[at, chance.randrange(6)]]})[0][:1] for at in range(6)]
    except Exception as error:
        if isinstance(error, BadModel) or "onnxruntime" in type(error).__module__:
            return False
        raise
    return not all(np.allclose(some, alone, 1e-6, 1e-6, equal_nan=True) for some in (together, np.concatenate(pairs)))


def check(seeds: range) -> tuple[int, int]:
    """How many graphs are proven, and how many of each tenth other mix."""
    proven = mixing = 0
    for seed in seeds:
        chance = Random(seed)
        honest = drawn(chance)
        for data in (honest, with_lie(honest, chance)):
            if find_mixing(data) is None:
                proven += 1
                assert not mixes(data, chance), seed
            elif seed % 10 == 0:
                mixing += mixes(data, chance)
    return proven, mixing


def test_what_is_proven_of_sums_holds() -> None:
    proven, mixing = check(range(60))
    assert proven > 10
    assert mixing > 0


@pytest.mark.slow
def test_what_is_proven_of_sums_holds_for_thousands_of_graphs() -> None:
    proven, mixing = check(range(10_000))
    assert proven > 2_000
    assert mixing > 100
