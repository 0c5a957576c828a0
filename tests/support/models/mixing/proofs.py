"""Graphs of one rule each: those whose rows stay apart, and those that look alike and mix them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.support.server.models import Value

ML = "ai.onnx.ml"
FLOAT, INT64, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
INPUTS: dict[str, Value] = {
    "X": ("X", FLOAT, ["N", 3]),
    "Y": ("Y", FLOAT, ["N", 3]),
    "Z": ("Z", FLOAT, ["N", 1]),
    "V": ("V", FLOAT, ["N"]),
    "T": ("T", FLOAT, ["N", 2, 3]),
    "L": ("L", FLOAT, ["N", "L"]),
    "I": ("I", INT64, ["N", 3]),
    "J": ("J", INT64, ["N"]),
    "J1": ("J1", INT64, ["N", 1]),
    "S": ("S", STRING, ["N"]),
}


@dataclass(frozen=True)
class Case:
    """A graph by its nodes; its text is the name of the test."""

    nodes: Sequence[tuple[str, tuple[Any, ...], Any, dict[str, Any]]]

    def __str__(self) -> str:
        words = [
            f"{kind}({', '.join(map(_short, inputs))}{_of(attributes)})" for kind, inputs, _, attributes in self.nodes
        ]
        return " ".join(words)


def _short(value: Any) -> str:
    return value if isinstance(value, str) else str(np.asarray(value).tolist())[:30]


def _of(attributes: dict[str, Any]) -> str:
    return "".join(f", {name}={str(value)[:20]}" for name, value in attributes.items() if name != "domain")


def node(
    kind: str, *inputs: Any, to: Any = "out", **attributes: Any
) -> tuple[str, tuple[Any, ...], Any, dict[str, Any]]:
    """A node: names of tensors, and constants as they are."""
    return kind, inputs, to, attributes


def of(*nodes: tuple[str, tuple[Any, ...], Any, dict[str, Any]]) -> bytes:
    """The file of a graph whose output is ``out``."""
    constants: list[onnx.TensorProto] = []
    protos = []
    for kind, inputs, to, attributes in nodes:
        names = []
        for value in inputs:
            if not isinstance(value, str):
                array = np.asarray(value)
                array = array.astype({"f": np.float32, "i": np.int64}.get(array.dtype.kind, array.dtype))
                constants.append(numpy_helper.from_array(array, f"c{len(constants)}"))
                value = constants[-1].name
            names.append(value)
        protos.append(helper.make_node(kind, names, [to] if isinstance(to, str) else to, **attributes))
    graph = helper.make_graph(
        protos,
        "g",
        [helper.make_tensor_value_info(*value) for value in INPUTS.values()],
        [onnx.ValueInfoProto(name="out")],
        constants,
    )
    opsets = [helper.make_opsetid("", 19), helper.make_opsetid(ML, 3), helper.make_opsetid("com.microsoft", 1)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString())


def case(*nodes: tuple[str, tuple[Any, ...], Any, dict[str, Any]]) -> Case:
    """A case of these nodes."""
    return Case(nodes)


ROWS_OF_X = (node("Shape", "X", to="shape"), node("Gather", "shape", [0], to="rows"))
W = np.ones((3, 4))
TREE: dict[str, Any] = {
    "nodes_treeids": [0],
    "nodes_nodeids": [0],
    "nodes_featureids": [0],
    "nodes_modes": ["LEAF"],
    "nodes_values": [0.0],
    "nodes_truenodeids": [0],
    "nodes_falsenodeids": [0],
}
PROVEN = [
    case(node("Add", "X", "Y")),
    case(node("Add", "X", "Z")),
    case(node("Add", "X", [1.0, 2.0, 3.0])),
    case(node("Add", "X", [[1.0, 2.0, 3.0]])),
    case(node("Where", [True, False, True], "X", "Z")),
    case(node("MatMul", "X", W)),
    case(node("MatMul", "X", [1.0, 2.0, 3.0])),
    case(node("Gemm", "X", W, [1.0, 2.0, 3.0, 4.0])),
    case(node("Gemm", "X", W.T, "Z", transB=1)),
    case(node("Transpose", "X", to="t"), node("Gemm", "t", W, transA=1)),
    case(node("Transpose", "X", to="t"), node("ReduceSum", "t", [0], keepdims=0)),
    case(node("ReduceSum", "X", [-1])),
    case(node("ReduceMax", "T", [1, 2])),
    case(node("ReduceSum", "X", np.zeros(0, np.int64), noop_with_empty_axes=1)),
    case(node("ArgMax", "X", axis=1)),
    case(node("Softmax", "X")),
    case(node("TopK", "X", [2], to=["a", "out"])),
    case(node("CumSum", "X", 1)),
    case(node("Concat", "X", "Z", axis=-1)),
    case(node("Gather", "X", [0, 2], axis=1)),
    case(node("Gather", [5.0, 6.0], "I")),
    case(node("GatherElements", "X", "I", axis=1)),
    case(node("Unsqueeze", "J", [1], to="u"), node("GatherND", "X", "u", batch_dims=1)),
    case(node("ScatterElements", "X", "I", "Y", axis=1)),
    case(node("Reshape", "X", [-1, 3, 1])),
    case(node("Reshape", "T", [0, -1])),
    case(node("Reshape", "T", [-1, 6])),
    case(node("Reshape", "X", [1, -1, 3], to="r"), node("ReduceMax", "r", [0], keepdims=0)),
    case(*ROWS_OF_X, node("Concat", "rows", [-1], axis=0, to="s"), node("Reshape", "T", "s")),
    case(node("Flatten", "T")),
    case(node("Squeeze", "Z", [1])),
    case(node("Unsqueeze", "V", [0], to="u"), node("Squeeze", "u", [0])),
    case(node("Slice", "X", [1], [3], [1])),
    case(node("Slice", "X", [0], [2**62], [0])),
    case(node("Split", "X", [1, 2], to=["a", "out"], axis=1)),
    case(node("Pad", "X", [0, 1, 0, 1])),
    case(*ROWS_OF_X, node("Concat", "rows", [4], axis=0, to="s"), node("Expand", [[1.0]], "s")),
    case(*ROWS_OF_X, node("ConstantOfShape", "rows")),
    case(node("Shape", "X", to="s", start=0, end=1), node("ConstantOfShape", "s")),
    case(node("Tile", "X", [1, 2])),
    case(node("OneHot", "J", 3, [0.0, 1.0])),
    case(node("Einsum", "X", "Y", equation="ni,ni->n")),
    case(node("Einsum", "X", W, equation="ni,ij->nj")),
    case(node("LayerNormalization", "X", [1.0, 1.0, 1.0])),
    case(node("BatchNormalization", "X", *[[1.0, 1.0, 1.0]] * 4)),
    case(node("GlobalAveragePool", "T")),
    case(node("MaxPool", "T", kernel_shape=[2])),
    case(node("Conv", "T", np.ones((4, 2, 2)))),
    case(
        node("Transpose", "T", to="t", perm=[1, 0, 2]),
        node("GRU", "t", np.ones((1, 6, 3)), np.ones((1, 6, 2)), to=["a", "h"], hidden_size=2),
        node("Transpose", "h", perm=[1, 0, 2]),
    ),
    case(node("Dropout", "X")),
    case(node("QuantizeLinear", "X", 0.5, np.uint8(3))),
    case(node("StringNormalizer", "S", case_change_action="LOWER")),
    case(node("TreeEnsembleRegressor", "X", domain=ML, n_targets=1, **TREE)),
    case(node("LinearRegressor", "X", domain=ML, coefficients=[1.0] * 3)),
    case(node("Scaler", "X", domain=ML, offset=[0.0], scale=[1.0])),
    case(node("Normalizer", "X", domain=ML)),
    case(node("OneHotEncoder", "I", domain=ML, cats_int64s=[1, 2])),
    case(node("LabelEncoder", "S", domain=ML, keys_strings=["a"], values_int64s=[1])),
    case(node("ArrayFeatureExtractor", "X", [[0, 2]], domain=ML)),
    case(node("ArrayFeatureExtractor", [7, 8, 9], "J", domain=ML, to="a"), node("Reshape", "a", [-1])),
    case(node("ArrayFeatureExtractor", [7, 8, 9], "I", domain=ML, to="a"), node("Reshape", "a", [-1, 3])),
    case(node("Identity", "L")),
]  # fmt: skip
MIXED = [
    case(node("Add", "X", np.ones((5, 3)))),  # fits five rows, and one of them
    case(node("Add", "V", "Z")),  # [N] and [N, 1] are [N, N]
    case(node("Transpose", "Z", to="t"), node("Add", "Z", "t")),
    case(node("Add", "V", "X")),  # three rows are as long as three columns
    case(node("Transpose", "X", to="t"), node("MatMul", "X", "t")),
    case(node("Transpose", "X", to="t"), node("MatMul", "t", "Y")),
    case(node("Gemm", "X", W, np.ones((5, 4)))),
    case(node("Gemm", "X", "Y", transA=1)),
    case(node("ReduceSum", "X")),
    case(node("ReduceSum", "X", np.zeros(0, np.int64))),
    case(node("ReduceSum", "X", [-2])),
    case(node("ReduceSum", "X", "J")),
    case(node("Transpose", "X", to="t"), node("ReduceSum", "t", [1], keepdims=0)),
    case(node("ArgMax", "X")),  # the first axis unless another is named
    case(node("Softmax", "X", axis=0)),
    case(node("TopK", "X", [1], to=["a", "out"], axis=0)),
    case(node("TopK", "X", "J", to=["a", "out"])),
    case(node("CumSum", "X", 0)),
    case(node("Concat", "X", "Y", axis=0)),
    case(node("Concat", "X", np.ones((5, 3)), axis=1)),
    case(node("Gather", "X", [0])),
    case(node("Gather", "X", "J", axis=1)),
    case(node("GatherElements", "X", "I", axis=0)),
    case(node("GatherElements", np.ones((9, 3)), "I", axis=1)),
    case(node("Unsqueeze", "J", [1], to="u"), node("GatherND", "X", "u")),
    case(  # three places for each of the data's batches, as ONNX Runtime compares only how many there are in all
        node("MaxPool", "T", to="p", kernel_shape=[3]),
        node("Transpose", "p", to="data", perm=[2, 0, 1]),
        node("Unsqueeze", "X", [1], to="u"),
        node("MaxPool", "u", to="q", kernel_shape=[1]),
        node("Transpose", "q", to="places", perm=[2, 0, 1]),
        ("Cast", ("places",), "whole", {"to": 7}),
        node("GatherND", "data", "whole", to="found", batch_dims=2),
        node("Transpose", "found"),
    ),
    case(node("ScatterElements", "X", "I", "Y", axis=0)),
    case(node("ScatterElements", "X", [[0, 1, 2]], [[1.0, 2.0, 3.0]], axis=1)),
    case(node("Reshape", "X", [3, -1])),
    case(node("Reshape", "X", [-1])),
    case(node("Reshape", "T", [-1, 3])),
    case(node("Reshape", "T", [-1, 12], to="r"), node("ReduceSum", "r", [1], to="s"), node("Expand", "s", [2])),
    case(node("Reshape", "L", [-1, 2])),
    case(node("Reshape", "X", "J")),
    case(*ROWS_OF_X, node("Concat", [3], "rows", axis=0, to="s"), node("Reshape", "X", "s")),
    case(*ROWS_OF_X, node("Concat", "rows", [3], axis=0, to="s"), node("Reshape", "T", "s")),  # fused, it runs
    case(*ROWS_OF_X, node("Mul", "rows", [2], to="s"), node("Expand", "X", "s")),
    case(*ROWS_OF_X, node("Range", 0, "rows", 1)),
    case(node("Size", "X", to="n"), node("CastLike", "n", "X", to="f"), node("Div", "X", "f")),
    case(node("Flatten", "X", axis=0)),
    case(node("Flatten", "T", axis=2)),
    case(node("Squeeze", "X")),  # one row alone loses its axis
    case(node("Squeeze", "Z", np.zeros(0, np.int64))),
    case(node("Slice", "X", [0], [2], [0])),
    case(node("Slice", "X", [1], [2**62], [0])),
    case(node("Slice", "X", [-1], [-(2**62)], [0], [-1])),
    case(*ROWS_OF_X, node("Slice", "X", [0], "rows", [1])),
    case(  # the first row alone: 2 ** 32 + 1 is 1 in int32
        ("Cast", ([2**32 + 1],), "narrow", {"to": 6}),
        ("Cast", ("narrow",), "end", {"to": 7}),
        node("Slice", "X", [0], "end", [0], to="first"),
        node("Add", "X", "first"),
    ),
    case(node("Split", "X", [1, 2], to=["a", "out"])),
    case(node("Pad", "X", [1, 0, -1, 0])),
    case(node("Pad", "X", [1, -1], 0.0, [0])),
    case(node("Expand", "Z", [5, 3])),
    case(node("Tile", "X", [2, 1])),
    case(node("EyeLike", "X")),  # the place of a row shows
    case(node("NonZero", "X")),
    case(node("Compress", "X", [True, False], axis=0)),
    case(node("Unique", "V")),
    case(node("Einsum", "X", "Y", equation="ni,mi->nm")),
    case(node("Einsum", "X", equation="ni->i")),
    case(node("Einsum", "X", np.ones((5, 3)), equation="ni,ni->ni")),
    case(node("LayerNormalization", "X", [1.0], axis=0)),
    case(node("LayerNormalization", "X", np.ones((5, 3)))),
    case(node("MeanVarianceNormalization", "T", axes=[0, 2])),
    case(node("BatchNormalization", "X", *[[1.0, 1.0, 1.0]] * 4, to=["out", "m", "v"], training_mode=1)),
    case(node("BatchNormalization", "X", [1.0], [1.0], "V", "V")),
    case(node("MaxPool", "T", to=["a", "out"], kernel_shape=[2])),  # places are counted over all rows
    case(
        node("Transpose", "T", to="t", perm=[2, 1, 0]),
        node("GlobalAveragePool", "t", to="g"),
        node("Transpose", "g", perm=[2, 1, 0]),
    ),
    case(node("GRU", "T", np.ones((1, 6, 3)), np.ones((1, 6, 2)), to=["a", "out"], hidden_size=2)),
    case(  # a row for each direction
        node("Unsqueeze", "X", [1], to="h"),
        node("GRU", np.ones((1, 1, 3)), *[np.ones((2, 9, 3))] * 2, "", "", "h", to=["", "y"], hidden_size=3,
             direction="bidirectional"),
        node("ReduceSum", "y", [0, 1], keepdims=0, to="s"),
        node("Add", "X", "s"),
    ),
    case(node("Dropout", "X", 0.5, True)),
    case(node("DynamicQuantizeLinear", "X", to=["out", "s", "z"])),
    case(node("QuantizeLinear", "X", "V", axis=0)),
    case(node("StringNormalizer", "S", stopwords=["a"])),
    case(node("TreeEnsembleRegressor", "V", domain=ML, n_targets=1, **TREE)),  # a vector is one row
    case(node("Normalizer", "V", domain=ML)),
    case(node("Transpose", "X", to="t"), node("Normalizer", "t", domain=ML, to="m"), node("Transpose", "m")),
    case(node("ArrayFeatureExtractor", "V", [[0]], domain=ML)),
    case(node("ArrayFeatureExtractor", [7, 8, 9], "I", domain=ML)),
    case(node("ArrayFeatureExtractor", [7, 8, 9], "I", domain=ML, to="a"), node("Reshape", "a", [-1, 6])),
    case(node("ArrayFeatureExtractor", [[7, 8, 9]] * 2, "I", domain=ML, to="a"), node("Reshape", "a", [-1, 3])),
    case(node("RandomNormalLike", "X")),
    case(node("Loop", 3, "", "X", body=helper.make_graph([], "b", [], []))),
    case(
        node("TreeEnsembleClassifier", "X", to=["l", "p"], domain=ML, classlabels_int64s=[0, 1], **TREE),
        node("Reshape", "p", [-1, 4]),
    ),
    case(  # two scores for four labels
        node("LinearClassifier", "X", to=["l", "p"], domain=ML, intercepts=[0.0] * 2, classlabels_ints=[0, 1, 2, 3]),
        node("Reshape", "p", [-1, 4]),
    ),
    *(  # ONNX Runtime moves a start far before the first place to the first, and reads the largest end as "to it"
        case(
            node("Slice", "X", [start], [end], [1], [-1], to="s"),
            node("Slice", "X", [0], [1], [1], to="one"),
            node("Concat", "s", "one", to="wide", axis=1),
            node("Reshape", "wide", [-1, 1], to="line"),
            node("GatherElements", "line", "J1", axis=1),
        )
        for start, end in ((-100, -(2**62)), (4, 2**63 - 1))
    ),
    case(  # it does not look at how wide an input without elements is
        node("Scaler", "X", domain=ML, offset=[0.0], scale=[1.0], to="hidden"),
        node("Unsqueeze", "hidden", [2], to="narrow"),
        node("Shape", "hidden", to="three", start=1, end=2),
        node("Concat", [1, 1], "three", to="s", axis=0),
        node("Expand", "narrow", "s", to="wide"),
        node("Slice", "wide", [0], [0], [1], to="none"),
        node("Concat", "none", "narrow", to="joined", axis=1),
        node("Shape", "joined", to="claimed", start=2, end=3),
        node("Concat", [1], "claimed", to="s3", axis=0),
        node("Expand", "Z", "s3", to="w"),
        node("Reshape", "w", [-1, 3], to="line"),
        node("GatherElements", "line", "J1", axis=1),
    ),
    case(  # of a shape made of parts it makes one -1, whatever that part says
        node("Scaler", "X", domain=ML, offset=[0.0], scale=[1.0], to="hidden"),
        node("Shape", "hidden", to="three", start=1, end=2),
        node("Concat", [1], "three", to="s", axis=0),
        node("ConstantOfShape", "s", to="z"),
        node("Slice", "hidden", [0], [1], [1], to="one"),
        node("Shape", "one", to="one's"),
        node("Gather", "one's", [1], to="k"),
        node("Shape", "z", to="z's"),
        node("Gather", "z's", [0], to="first"),
        node("Concat", "first", "k", to="s2", axis=0),
        node("Reshape", "z", "s2", to="line"),
        node("Add", "one", "line", to="w"),
        node("Reshape", "w", [-1, 1], to="column"),
        node("GatherElements", "column", "J1", axis=1),
    ),
]  # fmt: skip
