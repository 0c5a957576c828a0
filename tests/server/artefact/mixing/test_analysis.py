"""Rows are followed through a graph: each rule where it proves, and beside it a graph that looks alike and mixes."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from server.artefact.mixing.analysis import find_mixing
from tests.support.models.mixing.proofs import INPUTS, MIXED, PROVEN, Case, node, of
from tests.support.server.models import ARTEFACTS, FLOAT, PLAIN, Value, onnx_file, row_mixing


@pytest.mark.parametrize("name", [*ARTEFACTS, *PLAIN])
def test_usual_models_are_proven(name: str) -> None:
    assert find_mixing((ARTEFACTS | PLAIN)[name]().data) is None


@pytest.mark.parametrize("case", PROVEN, ids=str)
def test_what_keeps_rows_apart_is_proven(case: Case) -> None:
    assert find_mixing(of(*case.nodes)) is None


@pytest.mark.parametrize("case", MIXED, ids=str)
def test_what_mixes_rows_or_might_is_not(case: Case) -> None:
    assert find_mixing(of(*case.nodes)) is not None


def test_the_reason_names_operator_and_tensor() -> None:
    assert find_mixing(row_mixing().data) == "'ReduceMean' makes 'mean': it works across the rows"


def test_mixing_behind_a_threshold_that_no_trial_meets_is_found() -> None:
    """``y = x - (max > 100 ? mean : 0)``: eight small rows show nothing of it."""
    case = [
        node("ReduceMax", "X", to="max", keepdims=0),
        node("ReduceMean", "X", to="mean", keepdims=0),
        node("Greater", "max", 100.0, to="large"),
        node("Where", "large", "mean", 0.0, to="offset"),
        node("Sub", "X", "offset", to="out"),
    ]
    assert find_mixing(of(*case)) == "'ReduceMax' makes 'max': it works across the rows"


def test_a_constant_that_is_no_number_is_followed() -> None:
    assert find_mixing(of(("Cast", (float("nan"),), "c", {"to": FLOAT}), node("Add", "X", "c"))) is None


@pytest.mark.parametrize("shape", [[5, 3], [3], ["N"], [1, 3], ["M", 4], ["M", "N"]])
def test_a_declared_shape_that_is_not_so_is_not_believed(shape: list[Any]) -> None:
    """ONNX Runtime computes with what a file declares: a wrong shape would become a constant."""
    model = onnx.load_model_from_string(of(node("Neg", "X", to="x"), node("Neg", "x", to="out")))
    model.graph.value_info.append(helper.make_tensor_value_info("x", FLOAT, shape))
    assert find_mixing(model.SerializeToString()) == "'Neg' makes 'x': the file declares another shape of it"


def test_a_declared_shape_that_is_so_does_no_harm() -> None:
    model = onnx.load_model_from_string(of(node("Neg", "X", to="x"), node("Neg", "x", to="out")))
    model.graph.value_info.append(helper.make_tensor_value_info("x", FLOAT, ["batch", 3]))
    assert find_mixing(model.SerializeToString()) is None


def test_a_function_of_the_files_own_proves_nothing_even_under_a_known_name() -> None:
    model = onnx.load_model_from_string(of(node("Neg", "X", to="out")))
    body = helper.make_node("ReduceMean", ["a"], ["b"])
    model.functions.append(helper.make_function("", "Neg", ["a"], ["b"], [body], [helper.make_opsetid("", 19)]))
    assert find_mixing(model.SerializeToString()) == "'Neg' makes 'out': it is a function of the file's own"


@pytest.mark.parametrize(
    ("opsets", "proven"), [([19], True), ([19, 19], True), ([19, 12], False), ([6], False), ([], False)]
)
def test_the_operator_set_must_be_one_that_is_known(opsets: list[int], proven: bool) -> None:
    model = onnx.load_model_from_string(of(node("Neg", "X", to="out")))
    del model.opset_import[:]
    model.opset_import.extend([helper.make_opsetid("", version) for version in opsets])
    assert (find_mixing(model.SerializeToString()) is None) is proven


def test_softmax_flattened_before_opset_13() -> None:
    model = onnx.load_model_from_string(of(node("Softmax", "T", to="out", axis=0)))
    assert find_mixing(model.SerializeToString()) is not None
    for version, axis, proven in ((12, 1, True), (12, 0, False), (13, 1, True), (13, 0, False), (12, -3, False)):
        model = onnx.load_model_from_string(of(node("Softmax", "T", to="out", axis=axis)))
        model.opset_import[0].version = version
        assert (find_mixing(model.SerializeToString()) is None) is proven


def test_every_output_counts() -> None:
    nodes = [helper.make_node("Neg", ["X"], ["a"]), helper.make_node("ReduceSum", ["X"], ["b"])]
    shapes: list[Value] = [("a", FLOAT, ["N", 3]), ("b", FLOAT, [1, 1])]
    assert find_mixing(onnx_file(nodes, [("X", FLOAT, ["N", 3])], shapes[:1])) is None
    assert "'ReduceSum' makes 'b'" in str(find_mixing(onnx_file(nodes, [("X", FLOAT, ["N", 3])], shapes)))


@pytest.mark.parametrize("shape", [[5, 3], [], None])
def test_an_input_without_rows_is_not_proven(shape: list[int] | None) -> None:
    data = onnx_file([helper.make_node("Neg", ["X"], ["Y"])], [], [("Y", FLOAT, ["N", 3])])
    model = onnx.load_model_from_string(data)
    model.graph.input.append(helper.make_tensor_value_info("X", FLOAT, shape))
    assert "the input 'X'" in str(find_mixing(model.SerializeToString()))


def test_a_constant_may_be_declared_among_the_inputs() -> None:
    model = onnx.load_model_from_string(of(node("Add", "X", np.ones(3, np.float32), to="out")))
    model.graph.input.append(helper.make_tensor_value_info(model.graph.initializer[0].name, FLOAT, [3]))
    assert find_mixing(model.SerializeToString()) is None


@pytest.mark.parametrize("change", ["output twice", "no output", "before it is made", "made twice", "no nodes' output"])
def test_a_graph_that_is_none_is_not_proven(change: str) -> None:
    model = onnx.load_model_from_string(of(node("Neg", "X", to="x"), node("Abs", "x", to="out")))
    if change == "output twice":
        model.graph.node[1].output[:] = ["x"]
    elif change == "no output":
        del model.graph.output[:]
    elif change == "before it is made":
        first = model.graph.node.pop(0)
        model.graph.node.append(first)
    elif change == "made twice":
        model.graph.node[1].output[:] = ["X"]
    else:
        model.graph.output[0].name = "nothing"
    assert find_mixing(model.SerializeToString()) is not None


def test_every_operator_is_told_of_without_a_rule() -> None:
    """Whatever an operator set has, a graph of it gives a word, and never an error."""
    for schema in onnx.defs.get_all_schemas():
        inputs = ["X"] * max(1, schema.min_input)
        proto = helper.make_node(schema.name, inputs, ["out"], domain=schema.domain)
        data = onnx_file([proto], list(INPUTS.values()), [("out", TensorProto.FLOAT, None)])  # type: ignore[list-item]
        find_mixing(data)
