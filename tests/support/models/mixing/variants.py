"""Every operator that has a rule, with inputs and attributes under which it keeps rows apart and others that mix them.

One node on tensors whose rows are the first, the second or the last axis, and on constants that fit four rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from server.artefact.mixing.rules.elementwise import ONE, SEVERAL

ML = "ai.onnx.ml"
FLOAT, INT64, STRING, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING, TensorProto.BOOL
ROWS = 4  # that the constants of a wrong length fit
INPUTS: dict[str, tuple[int, tuple[int, ...]]] = {
    "X": (FLOAT, (3,)), "Z": (FLOAT, (1,)), "V": (FLOAT, ()), "T": (FLOAT, (2, 3)), "G": (FLOAT, (2, 2, 3)),
    "I": (INT64, (3,)), "J": (INT64, ()), "S": (STRING, ()), "B": (BOOL, (3,)),
}  # fmt: skip
# Tensors made of the inputs: their rows stand elsewhere, or a size is not known.
MADE = {
    "P": helper.make_node("Transpose", ["X"], ["P"]),
    "W": helper.make_node("Transpose", ["Z"], ["W"]),
    "Q": helper.make_node("Transpose", ["T"], ["Q"], perm=[1, 0, 2]),
    "R": helper.make_node("Transpose", ["T"], ["R"], perm=[2, 1, 0]),
    "U": helper.make_node("MaxPool", ["T"], ["U"], kernel_shape=[1]),
    "A": helper.make_node("Transpose", ["U"], ["A"], perm=[2, 0, 1]),
    "O": helper.make_node("Unsqueeze", ["X", "i0"], ["O"]),
    "PI": helper.make_node("Transpose", ["I"], ["PI"]),
    "JU": helper.make_node("Unsqueeze", ["J", "i1"], ["JU"]),
    "N": helper.make_node("Shape", ["X"], ["N"], start=0, end=1),
    "N3": helper.make_node("Shape", ["X"], ["N3"]),
}
CONSTANTS: dict[str, Any] = {
    "f": 2.0, "f1": [1.0], "f3": [0.0, 1.0, 2.0], "f2": [1.0, 1.0], "f4": [0.0, 1.0, 2.0, 3.0], "f13": np.ones((1, 3)),
    "f43": np.arange(12.0).reshape(4, 3), "f41": np.ones((4, 1)), "f32": np.ones((3, 2)), "f221": np.ones((2, 2, 1)),
    "f2211": np.ones((2, 2, 1, 1)), "i": 1, "i0": [0], "i1": [1], "i2": [2], "i-1": [-1], "i01": [0, 1], "i12": [1, 2],
    "none": np.zeros(0, np.int64), "far": [2**62], "-far": [-(2**62)], "i4": [4], "i43": [4, 3], "i13": [1, 3],
    "i-13": [-1, 3], "i3-1": [3, -1], "i0-1": [0, -1], "i1-1": [1, -1], "i-16": [-1, 6], "i-132": [-1, 3, 2],
    "i1-13": [1, -1, 3], "i33": [3, 3], "i11": [1, 1], "i21": [2, 1], "i0100": [0, 1, 0, 0], "i10-10": [1, 0, -1, 0],
    "b3": [True, False, True], "three": 3, "t01": [0.0, 1.0], "m13": [[0, 1, 2]], "m43": np.zeros((4, 3), np.int64),
}  # fmt: skip
FLOATS = ("X", "Z", "V", "T", "P", "W", "Q", "R", "U", "A", "O")
NUMBERS = (*FLOATS, "f", "f1", "f3", "f13", "f43", "f4", "f41", "f32")
INDICES = ("I", "J", "PI", "JU", "i0", "i01", "i12", "i", "m13", "m43")
SHAPES = (
    "i-1", "i0", "i4", "i43", "i13", "i-13", "i3-1", "i0-1", "i1-1", "i-16", "i-132", "i1-13", "i33", "N", "N3"
)  # fmt: skip
AXES = ("i0", "i1", "i-1", "i2", "i01", "i12", "none")
TREE: dict[str, Any] = {
    "nodes_treeids": [0] * 3, "nodes_nodeids": [0, 1, 2], "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
    "nodes_truenodeids": [1, 0, 0], "nodes_falsenodeids": [2, 0, 0], "nodes_values": [1.0, 0.0, 0.0],
}  # fmt: skip
LEAVES: dict[str, Any] = {"treeids": [0, 0], "nodeids": [1, 2], "weights": [-1.0, 1.0]}
TWO_OUTPUTS = ("TopK", "Split", "TreeEnsembleClassifier", "LinearClassifier", "SVMClassifier")


@dataclass(frozen=True)
class Variant:
    """One node. ``output``: which of its outputs is that of the graph; ``turned``: how its axes are ordered then."""

    operator: str
    inputs: tuple[str, ...]
    attributes: dict[str, Any]
    domain: str = ""
    output: int = 0
    turned: tuple[int, ...] | None = None

    def model(self, opset: int) -> bytes:
        """The file."""
        nodes: list[onnx.NodeProto] = []
        names: set[str] = set()
        for name in self.inputs:
            _need(name, nodes, names)
        outputs = [f"o{place}" for place in range(2 if self.operator in TWO_OUTPUTS else 1)]
        nodes.append(helper.make_node(self.operator, self.inputs, outputs, domain=self.domain, **self.attributes))
        if self.turned:
            nodes.append(helper.make_node("Transpose", [outputs[self.output]], ["turned"], perm=self.turned))
        given = [name for name in INPUTS if name in names] or ["X"]
        graph = helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info(name, INPUTS[name][0], ["N", *INPUTS[name][1]]) for name in given],
            [onnx.ValueInfoProto(name="turned" if self.turned else outputs[self.output])],
            [_constant(name) for name in sorted(names - set(INPUTS))],
        )
        opsets = [helper.make_opsetid("", opset), helper.make_opsetid(ML, 3)]
        return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString())


def _need(name: str, nodes: list[onnx.NodeProto], names: set[str]) -> None:
    if name in MADE and MADE[name] not in nodes:
        for part in MADE[name].input:
            _need(part, nodes, names)
        nodes.append(MADE[name])
    elif name and name not in MADE:
        names.add(name)


def _constant(name: str) -> onnx.TensorProto:
    array = np.asarray(CONSTANTS[name])
    return numpy_helper.from_array(array.astype(np.float32) if array.dtype.kind == "f" else array, name)


def feed(names: Sequence[str], rows: int, chance: np.random.Generator) -> dict[str, Any]:
    """Rows of numbers, places, booleans and words."""
    fed: dict[str, Any] = {}
    for name in names:
        kind, row = INPUTS[name]
        shape = (rows, *row)
        if kind == FLOAT:
            fed[name] = (chance.normal(size=shape) * 3).astype(np.float32)
        elif kind == STRING:
            fed[name] = chance.choice(np.array(["a", "b"], np.object_), shape)
        else:
            fed[name] = chance.integers(0, 2, shape).astype(np.int64 if kind == INT64 else np.bool_)
    return fed


def variants(turned: bool) -> Iterator[Variant]:
    """All of them; with ``turned`` each output also with another axis first."""
    orders: list[tuple[int, ...] | None] = [None]
    orders += [(1, 0), (1, 0, 2), (2, 0, 1), (1, 0, 2, 3), (2, 0, 1, 3)] if turned else []
    for family in (_elementwise, _moving, _cutting, _along_axes, _products, _layers, _estimators):
        for operator, inputs, attributes in family():
            domain = ML if family is _estimators else ""
            for output in range(2 if operator in TWO_OUTPUTS else 1):
                for order in orders:
                    yield Variant(operator, tuple(inputs), attributes, domain, output, order)


Steps = Iterator[tuple[str, list[str], dict[str, Any]]]


def _elementwise() -> Steps:
    for operator in ONE:
        for name in ("X", "P", "T", "I", "B"):
            yield operator, [name], {}
    yield "RegexFullMatch", ["S"], {"pattern": "a.*"}
    for operator in SEVERAL:
        logical = operator in ("And", "Or", "Xor")
        given = ("B", "b3") if logical else ("I", "J", "PI", "m43", "m13") if "Bit" in operator else NUMBERS
        for a, b in product(("S",) if operator == "StringConcat" else given, repeat=2):
            if operator == "Where":
                yield operator, ["B", a, b], {}
                yield operator, ["b3", a, b], {}
            else:
                yield operator, [a, b], {"fmod": 1} if operator == "Mod" else {}
    for name in (*FLOATS, "I", "PI"):
        yield "Identity", [name], {}
        yield "CastLike", [name, "i0"], {}
        yield "Dropout", [name], {}
        for bounds in (["f"], ["", "f"], ["Z"]):
            yield "Clip", [name, *bounds], {}
        for to in (FLOAT, TensorProto.INT32, INT64, BOOL, TensorProto.DOUBLE):
            yield "Cast", [name], {"to": to}
        for scale, axis in product(("f", "f1", "f3", "f4", "f2"), (-1, 0, 1)):
            yield "QuantizeLinear", [name, scale], {"axis": axis}
    yield "StringNormalizer", ["S"], {"case_change_action": "LOWER"}
    yield "StringNormalizer", ["S"], {"case_change_action": "LOWER", "stopwords": ["a"]}


def _moving() -> Steps:
    for name in (*FLOATS, "I", "J", "PI", "f43"):
        for order in (*permutations(range(2)), *permutations(range(3))):
            yield "Transpose", [name], {"perm": order}
        for shape in SHAPES:
            yield "Reshape", [name, shape], {}
            yield "Reshape", [name, shape], {"allowzero": 1}
        for axis, other in product((-2, -1, 0, 1), (*FLOATS, "f43", "f13")):
            yield "Concat", [name, other], {"axis": axis}
        for axis, places in product((-2, -1, 0, 1), INDICES):
            yield "Gather", [name, places], {"axis": axis}
            yield "GatherElements", [name, places], {"axis": axis}
            yield "GatherND", [name, places], {"batch_dims": axis + 2}
        for axis, (places, values) in product((0, 1), (("I", "X"), ("PI", "P"), ("m13", "f13"), ("m43", "f43"))):
            yield "ScatterElements", [name, places, values], {"axis": axis, "reduction": "add"}
    for shape in SHAPES:
        yield "ConstantOfShape", [shape], {}


def _cutting() -> Steps:
    for name in (*FLOATS, "I", "J", "PI", "f13", "f1"):
        for shape in (*SHAPES, "i11", "i21", "i1", "i2"):
            yield "Expand", [name, shape], {}
            yield "Tile", [name, shape], {}
        for axes in AXES:
            yield "Squeeze", [name, axes], {}
            yield "Unsqueeze", [name, axes], {}
        yield "Squeeze", [name], {}
        for axis in (-2, -1, 0, 1, 2):
            yield "Flatten", [name], {"axis": axis}
            yield "Split", [name], {"axis": axis, "num_outputs": 2}
            yield "Split", [name, "i12"], {"axis": axis}
            yield "OneHot", [name, "three", "t01"], {"axis": axis}
        for bounds in product(("i0", "i1", "i-1"), ("far", "i2", "N", "-far"), ("i0", "i1", "i-1")):
            yield "Slice", [name, *bounds], {}
            yield "Slice", [name, *bounds, "i-1"], {}
        for mode, amounts in product(("constant", "edge", "wrap"), (["i0100"], ["i10-10"], ["i11", "", "i0"])):
            yield "Pad", [name, *amounts], {"mode": mode}


def _along_axes() -> Steps:
    reducing = ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare")
    for name in (*FLOATS, "PI"):
        for kind, axes, flag in product(reducing, AXES, (0, 1)):
            yield f"Reduce{kind}", [name, axes], {"keepdims": flag, "noop_with_empty_axes": flag}
        yield "ReduceSum", [name], {}
        for axis in (-2, -1, 0, 1, 2):
            for operator in ("Softmax", "LogSoftmax", "Hardmax", "LpNormalization"):
                yield operator, [name], {"axis": axis}
            for keep in (0, 1):
                yield "ArgMax", [name], {"axis": axis, "keepdims": keep}
                yield "ArgMin", [name], {"axis": axis, "keepdims": keep, "select_last_index": 1}
            yield "TopK", [name, "i1"], {"axis": axis}
            for scale in ("f", "f1", "f2", "f3", "f13", "f43"):
                yield "LayerNormalization", [name, scale], {"axis": axis}
                yield "RMSNormalization", [name, scale], {"axis": axis}
        for axes, flag in product(("i", "i0", "i1", "i-1"), (0, 1)):
            yield "CumSum", [name, axes], {"exclusive": flag, "reverse": flag}
        for listed in ([0], [1], [-1], [0, 1], [1, 2]):
            yield "MeanVarianceNormalization", [name], {"axes": listed}


def _products() -> Steps:
    pairs = "ab,bc->ac ab,ab->a ab,ab->b ab,cb->ac ab,b->a a,b->ab a,a->a abc,bc->a abc,cd->abd ab,ab-> ab,ba->a"
    for a, b in product((*FLOATS, "f3", "f32", "f43"), repeat=2):
        yield "MatMul", [a, b], {}
        for equation in pairs.split():
            yield "Einsum", [a, b], {"equation": equation}
        for turn_a, turn_b, c in product((0, 1), (0, 1), ("f3", "Z", "f13", "V", "f43")):
            yield "Gemm", [a, b, c], {"transA": turn_a, "transB": turn_b}
    for name, equation in product(FLOATS, ("ab->ba", "ab->a", "ab->b", "aa->a", "abc->ac", "abc->bc")):
        yield "Einsum", [name], {"equation": equation}


def _layers() -> Steps:
    for name in (*FLOATS, "G"):
        for kind in ("Average", "Max", "Lp"):
            yield f"Global{kind}Pool", [name], {}
            for size in ([1], [2], [1, 2], [2, 2]):
                yield f"{kind}Pool", [name], {"kernel_shape": size, "auto_pad": "SAME_UPPER"}
        for filters in ("f221", "f2211"):
            yield "Conv", [name, filters], {"auto_pad": "SAME_UPPER"}
            yield "ConvTranspose", [name, filters], {}
        for scale in ("f3", "f2", "f1"):
            for training in (0, 1):
                yield "BatchNormalization", [name, *[scale] * 4], {"training_mode": training}
            yield "InstanceNormalization", [name, scale, scale], {}
            yield "GroupNormalization", [name, scale, scale], {"num_groups": 1}
        yield "LRN", [name], {"size": 3}
        yield "DepthToSpace", [name], {"blocksize": 1}
        yield "SpaceToDepth", [name], {"blocksize": 1}
    grams: dict[str, Any] = {"mode": "TF", "min_gram_length": 1, "max_gram_length": 2, "max_skip_count": 1}
    grams |= {"ngram_counts": [0, 2], "ngram_indexes": [0, 1, 2], "pool_int64s": [0, 1, 0, 1]}
    for name in ("I", "J", "PI"):
        yield "TfIdfVectorizer", [name], grams


def _estimators() -> Steps:
    for name in (*FLOATS, "I", "J", "PI"):
        for feature in (0, 2, 3):
            leaves = {f"target_{key}": value for key, value in LEAVES.items()} | {"target_ids": [0, 0]}
            yield (
                "TreeEnsembleRegressor",
                [name],
                {**TREE, **leaves, "nodes_featureids": [feature, 0, 0], "n_targets": 1},
            )
            leaves = {f"class_{key}": value for key, value in LEAVES.items()} | {"class_ids": [0, 1]}
            leaves |= {"classlabels_int64s": [0, 1], "nodes_featureids": [feature, 0, 0]}
            yield "TreeEnsembleClassifier", [name], {**TREE, **leaves}
        for count in (1, 2, 3, 6):
            yield "LinearRegressor", [name], {"coefficients": [1.0] * count}
            labels = {"classlabels_ints": [0, 1], "intercepts": [0.0]}
            yield "LinearClassifier", [name], {"coefficients": [1.0] * count, **labels}
            vectors: dict[str, Any] = {"support_vectors": [1.0] * 2 * count, "coefficients": [1.0] * 2, "rho": [0.0]}
            vectors |= {"kernel_type": "RBF", "kernel_params": [1.0, 0.0, 0.0]}
            yield "SVMRegressor", [name], {**vectors, "n_supports": 2}
            yield "SVMClassifier", [name], {**vectors, "vectors_per_class": [1, 1], "classlabels_ints": [0, 1]}
            yield "Scaler", [name], {"offset": [1.0] * count, "scale": [2.0] * count}
            yield "Imputer", [name], {"imputed_value_floats": [5.0] * count, "replaced_value_float": 0.0}
            for other in ("X", "Z", "P"):
                yield "FeatureVectorizer", [name, other], {"inputdimensions": [count, 2]}
        yield "Normalizer", [name], {"norm": "L2"}
        yield "Binarizer", [name], {"threshold": 0.5}
        yield "LabelEncoder", [name], {"keys_int64s": [0, 1], "values_int64s": [5, 6]}
        yield "CategoryMapper", [name], {"cats_int64s": [0, 1], "cats_strings": ["a", "b"]}
        yield "OneHotEncoder", [name], {"cats_int64s": [0, 1, 2]}
        for table, places in product((name, "f3", "f13", "f43"), INDICES):
            yield "ArrayFeatureExtractor", [table, places], {}
