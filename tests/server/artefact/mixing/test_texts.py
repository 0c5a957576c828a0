"""Texts beside longer ones: what pads them must not show. Each rule, and graphs of tokens drawn by chance."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from server.artefact.mixing.analysis import find_mixing
from server.artefact.runtime import BadModel, Runtime
from tests.support.models.mixing.proofs import FLOAT, ML, STRING

WORDS = ["a b c", "a", "b a", "", "c c c c b", "x"]
CODES = {"a": 0, "b": 1, "c": 2, "#": 7}


class Graph:
    """A graph from a column of texts to counts, grown by names."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, value: Any) -> str:
        """A constant, its own dtype kept."""
        self.constants.append(numpy_helper.from_array(np.asarray(value), f"c{len(self.constants)}"))
        return str(self.constants[-1].name)

    def add(self, kind: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes: Any) -> str:
        """A node; the name of its last output."""
        names = [f"t{len(self.nodes)}_{place}" for place in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, domain=domain, **attributes))
        return names[-1]

    def tokens(self) -> str:
        """The tokens of the texts, as codes."""
        words = self.add(
            "Tokenizer", "S", domain="com.microsoft", mark=0, mincharnum=1, pad_value="#", separators=[" "]
        )
        return self.coded(words)

    def coded(self, words: str, codes: dict[str, int] = CODES) -> str:
        """Words by a dictionary, others -1."""
        known: dict[str, Any] = {"keys_strings": list(codes), "values_int64s": list(codes.values())}
        return self.add("LabelEncoder", words, domain=ML, default_int64=-1, **known)

    def put_last(self, ids: str, code: int, largest: int = 0, shift: int = 1) -> str:
        """All of one code behind the others; other arguments spoil the pattern."""
        length = self.add("Shape", ids, start=1, end=2)
        noughts = self.add("Mul", ids, self.constant(np.int64(0)))
        ones = self.add("Add", noughts, self.constant(np.int64(shift)))
        places = self.add("CumSum", ones, self.constant(np.int64(1)))
        keys = self.add(
            "Where", self.add("Equal", ids, self.constant(np.int64(code))), self.add("Add", places, length), places
        )
        order = self.add("TopK", keys, length, outputs=2, axis=1, largest=largest, sorted=1)
        return self.add("GatherElements", ids, order, axis=1)

    def column(self, value: int) -> str:
        """One value for every row."""
        rows = self.add("Shape", "S", start=0, end=1)
        shape = self.add("Concat", rows, self.constant(np.array([1])), axis=0)
        return self.add("ConstantOfShape", shape, value=numpy_helper.from_array(np.array([value])))

    def counts(self, ids: str, pool: list[int]) -> bytes:
        """The file whose output counts single codes and pairs of them."""
        indexes = list(range(len(pool) + len(pool) // 2))
        given: dict[str, Any] = {"mode": "TF", "min_gram_length": 1, "max_gram_length": 2, "max_skip_count": 0}
        given |= {"ngram_counts": [0, len(pool)], "ngram_indexes": indexes}
        given["pool_int64s"] = [*pool, *pool[: len(pool) // 2 * 2]]
        self.nodes.append(helper.make_node("TfIdfVectorizer", [ids], ["out"], **given))
        return self.model([("out", FLOAT)])

    def model(self, outputs: list[tuple[str, int]]) -> bytes:
        """The file."""
        graph = helper.make_graph(
            self.nodes,
            "g",
            [helper.make_tensor_value_info("S", STRING, ["N"])],
            [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs],
            self.constants,
        )
        opsets = [helper.make_opsetid("", 18), helper.make_opsetid(ML, 3), helper.make_opsetid("com.microsoft", 1)]
        return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())


def mixes(data: bytes) -> bool:
    """Whether any text is counted otherwise alone than beside the others; False where the graph does not run."""
    words = np.array(WORDS, np.object_)
    try:
        runtime = Runtime(data)
        together = runtime.run(["out"], {"S": words})[0]
        alone = [runtime.run(["out"], {"S": words[at : at + 1]})[0] for at in range(len(words))]
    except Exception as error:
        if isinstance(error, BadModel) or "onnxruntime" in type(error).__module__:
            return False
        raise
    return not np.array_equal(np.concatenate(alone), together)


def test_counts_of_words_are_proven_unless_the_padding_counts() -> None:
    for pool, proven in (([0, 1, 2], True), ([0, 1, 7], False), ([-1, 0], True)):
        graph = Graph()
        data = graph.counts(graph.tokens(), pool)
        assert (find_mixing(data) is None) is proven
        assert mixes(data) is not proven


def test_a_dictionary_without_the_padding_makes_it_an_unknown_word() -> None:
    for pool, proven in (([0, 1], True), ([-1, 0], False)):
        graph = Graph()
        words = graph.add(
            "Tokenizer", "S", domain="com.microsoft", mark=0, mincharnum=1, pad_value="#", separators=[" "]
        )
        data = graph.counts(graph.coded(words, {"a": 0, "b": 1, "c": 2}), pool)
        assert (find_mixing(data) is None) is proven
        assert mixes(data) is not proven


def test_tokens_themselves_are_no_output() -> None:
    graph = Graph()
    name = graph.tokens()
    assert find_mixing(graph.model([(name, onnx.TensorProto.INT64)])) == (
        f"the output '{name}' is as wide as the longest text of the run"
    )


@pytest.mark.parametrize("operator", ["ReduceSum", "ArgMax", "Softmax", "Transpose", "Flatten", "Size", "NonZero"])
def test_what_else_looks_at_the_width_is_not_proven(operator: str) -> None:
    graph = Graph()
    ids = graph.add("Cast", graph.tokens(), to=FLOAT)
    graph.nodes.append(helper.make_node(operator, [ids], ["out"]))
    assert "longest text" in str(find_mixing(graph.model([("out", FLOAT)])))


def test_one_code_may_go_behind_the_others_but_not_be_counted_there() -> None:
    for code, pool, proven in ((2, [0, 1], True), (2, [0, 2], False), (7, [0, 1], True)):
        graph = Graph()
        assert (find_mixing(graph.counts(graph.put_last(graph.tokens(), code), pool)) is None) is proven


@pytest.mark.parametrize(("largest", "shift"), [(1, 1), (0, 2), (0, 0)])
def test_what_only_looks_like_putting_last_is_not_proven(largest: int, shift: int) -> None:
    graph = Graph()
    assert find_mixing(graph.counts(graph.put_last(graph.tokens(), 2, largest, shift), [0, 1])) is not None


def test_a_declared_width_is_not_believed() -> None:
    graph = Graph()
    ids = graph.tokens()
    model = onnx.load_model_from_string(graph.counts(ids, [0, 1]))
    model.graph.value_info.append(helper.make_tensor_value_info(ids, onnx.TensorProto.INT64, ["N", 4]))
    assert find_mixing(model.SerializeToString()) is not None


def wrapped(graph: Graph) -> tuple[str, int]:
    """Codes from which sums in int32 come round to others; and the code that the padding, 7, becomes."""
    most = graph.constant(np.int32(2**31 - 1))
    ids = graph.add("Cast", graph.tokens(), to=onnx.TensorProto.INT32)
    return graph.add("Add", graph.add("Add", ids, most), most), 5


def rounded(graph: Graph) -> tuple[str, int]:
    """Codes of sums that float32 rounds."""
    ids = graph.add("Cast", graph.tokens(), to=FLOAT)
    is_even = graph.add(
        "Equal", graph.add("Add", ids, graph.constant(np.float32(2**24 - 6))), graph.constant(np.float32(2**24))
    )
    return graph.add("Where", is_even, graph.constant(np.int64(9)), graph.constant(np.int64(1))), 9


def narrow(graph: Graph) -> tuple[str, int]:
    """Codes of a table of int8, which holds no 200."""
    table = graph.constant(np.full((8, 1), 100, np.int8))
    ids = graph.add("Reshape", graph.add("Gather", table, graph.tokens(), axis=0), graph.constant([0, -1]))
    double = graph.add("Add", ids, graph.constant(np.int8(100)))
    return graph.add("Cast", double, to=onnx.TensorProto.INT64), -56


@pytest.mark.parametrize("made", [wrapped, rounded, narrow])
def test_sums_that_come_out_otherwise_in_a_narrow_type_are_not_followed(made: Any) -> None:
    graph = Graph()
    ids, padding = made(graph)
    data = graph.counts(ids, [padding])
    assert mixes(data)
    assert find_mixing(data) is not None


def step(graph: Graph, chance: Random, ids: list[str], flags: list[str]) -> None:
    """One more tensor of codes or of booleans."""
    kind, one = (
        chance.choice(["equal", "where", "add", "last", "before", "after", "side", "column", "logic", "table"]),
        chance.choice(ids),
    )
    number = graph.constant(np.int64(chance.choice([-1, 0, 1, 2, 7])))
    if kind == "equal":
        flags.append(graph.add(chance.choice(["Equal", "Greater", "Less"]), one, number))
    elif kind == "where" and flags:
        ids.append(graph.add("Where", chance.choice(flags), chance.choice([number, *ids]), chance.choice(ids)))
    elif kind == "add":
        ids.append(graph.add(chance.choice(["Add", "Mul"]), one, chance.choice([number, chance.choice(ids)])))
    elif kind == "last":
        ids.append(graph.put_last(one, chance.choice([-1, 0, 2, 7])))
    elif kind in ("before", "after", "column"):
        column, forward, backward = graph.column(chance.choice([7, 0, 1])), graph.constant([1]), graph.constant([-1])
        if kind == "before":
            ids.append(
                graph.add("Concat", column, graph.add("Slice", one, graph.constant([0]), backward, forward), axis=1)
            )
        elif kind == "after":
            ids.append(
                graph.add("Concat", graph.add("Slice", one, forward, graph.constant([2**62]), forward), column, axis=1)
            )
        else:
            ids.append(graph.add("Concat", *chance.choice([(one, column), (column, one)]), axis=1))
    elif kind == "side":
        parts = [graph.add("Unsqueeze", name, graph.constant([2])) for name in (one, chance.choice(ids))]
        ids.append(graph.add("Reshape", graph.add("Concat", *parts, axis=2), graph.constant([0, -1])))
    elif kind == "logic" and len(flags) > 1:
        flags.append(graph.add(chance.choice(["And", "Or"]), chance.choice(flags), chance.choice(flags)))
    elif kind == "table":
        table = graph.constant(np.array([[0, 1], [1, 7], [2, 2], [7, 7], [7, 7], [7, 7], [7, 0], [7, -1]]))
        ids.append(graph.add("Reshape", graph.add("Gather", table, one, axis=0), graph.constant([0, -1])))


def drawn(seed: int) -> bytes:
    """A graph of tokens by chance."""
    chance, graph = Random(seed), Graph()
    ids, flags = [graph.tokens()], []  # type: tuple[list[str], list[str]]
    if chance.random() < 0.7:
        ids = [graph.add("Concat", ids[0], graph.column(7), axis=1)]
    for _ in range(chance.randrange(1, 7)):
        step(graph, chance, ids, flags)
    return graph.counts(ids[-1], chance.choice([[0, 1], [0, 2], [1, 2], [7, 0], [-1, 1]]))


def check(seeds: range) -> tuple[int, int]:
    """How many graphs are proven, and how many mix."""
    proven = mixing = 0
    for seed in seeds:
        data = drawn(seed)
        is_proven, mixed = find_mixing(data) is None, mixes(data)
        assert not (is_proven and mixed), seed
        proven, mixing = proven + is_proven, mixing + mixed
    return proven, mixing


def test_what_is_proven_of_tokens_holds() -> None:
    proven, mixing = check(range(80))
    assert proven > 10
    assert mixing > 10


@pytest.mark.slow
def test_what_is_proven_of_tokens_holds_for_thousands_of_graphs() -> None:
    assert min(check(range(20_000))) > 2_000
