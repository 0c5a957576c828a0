"""Small graphs drawn by chance from many operators, most of which mix rows one way or another; each runs.

A graph grows node by node: what ONNX Runtime does not run is dropped again. Knows nothing of what is proven.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from server.artefact.runtime import BadModel, Runtime

ROWS = 3  # of the runs that show whether a node runs
ML = "ai.onnx.ml"
INPUTS: dict[str, tuple[int, tuple[int, ...]]] = {
    "A": (TensorProto.FLOAT, (3,)),
    "B": (TensorProto.FLOAT, (1,)),
    "C": (TensorProto.FLOAT, (2, 3)),
    "I": (TensorProto.INT64, (3,)),
}
ADVERSE = (0.0, 1.0, -1.0, 2.0, 3.0, -2.0, 100.0, float("nan"))
CAST = {"f": TensorProto.FLOAT, "i": TensorProto.INT64, "b": TensorProto.BOOL}
# Their last bits may depend on the size of the run, which is rounding and no mixing ...
ROUNDED = frozenset(
    {
        *("Softmax", "ReduceMean", "ReduceL2", "ReduceProd", "LpNormalization", "LayerNormalization", "LRN", "GRU"),
        *("BatchNormalization", "InstanceNormalization", "MeanVarianceNormalization", "AveragePool", "Normalizer"),
        *("Scaler", "LinearRegressor", "LinearClassifier", "MatMul", "Gemm", "Einsum", "Conv"),
    }
)
# ... but becomes a whole step in these.
STEPPED = frozenset(
    {
        *("Cast", "Greater", "Floor", "Sign", "ArgMax", "ArgMin", "Hardmax", "TopK", "NonZero"),
        *("TreeEnsembleRegressor", "TreeEnsembleClassifier", "LinearClassifier", "DynamicQuantizeLinear"),
    }
)


@dataclass
class Drawn:
    """A graph under construction, and what each of its tensors was in a run of `ROWS` rows."""

    chance: Random
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)
    seen: dict[str, Any] = field(default_factory=dict)
    rounded: set[str] = field(default_factory=set)

    def constant(self, value: Any) -> str:
        """A new constant; whole numbers are int64, others float32."""
        array = np.asarray(value)
        name = f"c{len(self.constants)}"
        self.constants[name] = array.astype(np.float32 if array.dtype.kind == "f" and array.size else np.int64)
        return name

    def tensor(self, kinds: str = "f") -> str:
        """A tensor, made a float, an integer or a boolean where it is of another kind."""
        name = self.chance.choice([name for name in self.seen if self.seen[name].ndim or self.chance.random() < 0.3])
        if self.seen[name].dtype.kind in kinds:
            return name
        return self.add("Cast", [name], to=CAST[kinds[0]]) or "A"

    def dims(self) -> str:
        """A constant of a shape that may or may not fit."""
        shapes = [(), (1,), (3,), (1, 3), (3, 1), (3, 3), (1, 1), (2, 3), (1, 1, 3), (1, 2, 3), (5, 3)]
        shape = self.chance.choice(shapes)
        return self.constant(np.arange(1.0, 1.0 + int(np.prod(shape))).reshape(shape))

    def either(self) -> str:
        """A tensor or a constant."""
        return self.tensor() if self.chance.random() < 0.7 else self.dims()

    def add(self, operator: str, inputs: Sequence[str], outputs: int = 1, domain: str = "", **attributes: Any) -> str:
        """Adds a node if it runs; returns its first output, or the empty text."""
        names = [f"t{len(self.nodes)}_{place}" for place in range(outputs)]
        is_rounded = not self.rounded.isdisjoint(inputs)
        if is_rounded and operator in STEPPED:
            return ""
        node = helper.make_node(operator, list(inputs), names, domain=domain, **attributes)
        try:
            runtime = Runtime(self.model([*self.nodes, node], names))
            answers = runtime.run(names, feed(runtime, ROWS, Random(1)))
        except Exception as error:
            if isinstance(error, BadModel) or "onnxruntime" in type(error).__module__:
                return ""
            raise
        kept = {name: np.asarray(answer) for name, answer in zip(names, answers, strict=True)}
        if any(array.size > 500 or array.dtype.kind not in "fib" or array.ndim > 4 for array in kept.values()):
            return ""
        self.nodes.append(node)
        self.seen |= kept
        self.rounded.update(names if is_rounded or operator in ROUNDED else ())
        return names[0]

    def model(self, nodes: Sequence[onnx.NodeProto], outputs: Sequence[str]) -> bytes:
        """The file of a graph that gives these outputs, whose types are left to inference."""
        graph = helper.make_graph(
            list(nodes),
            "g",
            [helper.make_tensor_value_info(name, kind, ["N", *row]) for name, (kind, row) in INPUTS.items()],
            [onnx.ValueInfoProto(name=name) for name in outputs],
            [numpy_helper.from_array(array, name) for name, array in self.constants.items()],
        )
        opsets = [helper.make_opsetid("", 19), helper.make_opsetid(ML, 3)]
        return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString())


def feed(runtime: Runtime, rows: int, chance: Random) -> dict[str, Any]:
    """Rows of adverse numbers."""
    fed = {}
    for spec in runtime.inputs:
        kind, row = INPUTS[spec.name]
        numbers = np.array([chance.choice(ADVERSE) for _ in range(rows * int(np.prod(row)))]).reshape(rows, *row)
        whole = kind == TensorProto.INT64
        fed[spec.name] = (np.nan_to_num(numbers) % 3).astype(np.int64) if whole else numbers.astype(np.float32)
    return fed


def drawn(chance: Random, steps: int) -> Drawn:
    """A graph of about so many nodes."""
    from tests.support.models.mixing.steps import STEPS

    graph = Drawn(chance)
    for name, (kind, row) in INPUTS.items():
        graph.seen[name] = np.zeros((ROWS, *row), np.int64 if kind == TensorProto.INT64 else np.float32)
    for _ in range(steps):
        chance.choice(STEPS)(graph, chance)
    return graph
