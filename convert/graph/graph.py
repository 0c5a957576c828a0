"""Owns the building of an ONNX graph: nodes, constants, pruning, names. Knows nothing of estimators.

An emitter writes ``(x - mean) / scale`` on tensors; equal expressions become one node, and nodes that no output needs
are left out, so that emitters may state everything they know.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from convert.errors import Refused
from convert.graph.messages import element, frozen, needed, rename
from convert.graph.tree_operators import in_one_operator

OPSETS = {"": 18, "ai.onnx.ml": 3}  # what ONNX Runtime 1.28 and all later ones load
MICROSOFT = "com.microsoft"  # of its operators only Tokenizer is used, which is part of ONNX Runtime
IR_VERSION = 8  # the one that belongs to opset 18
ML = "ai.onnx.ml"
# These need a later opset of a domain, and its IR version.
LATER = {"RegexFullMatch": ("", 20, 9), "StringConcat": ("", 20, 9), "TreeEnsemble": (ML, 5, 10)}
TEXTS_COMPARED = ("", 20, 9)  # Equal of texts
ROWS = "rows"

Array = np.ndarray[Any, Any]
Operator = Callable[["Tensor", Any], "Tensor"]


def _arithmetic(kind: str) -> tuple[Operator, Operator]:
    """The operator with the tensor on the left, and on the right; the other side becomes a constant of its dtype."""
    return (
        lambda tensor, other: tensor.graph.op(kind, tensor, tensor.graph.constant(other, tensor.dtype)),
        lambda tensor, other: tensor.graph.op(kind, tensor.graph.constant(other, tensor.dtype), tensor),
    )


def _comparison(kind: str) -> Operator:
    return lambda tensor, other: tensor.graph.op(
        kind, tensor, tensor.graph.constant(other, tensor.dtype), dtype=np.bool_
    )


@dataclass(frozen=True, slots=True)
class Tensor:
    """A named value in the graph under construction, rows first. Operators append nodes."""

    graph: Graph
    name: str
    dtype: np.dtype[Any]
    __array_ufunc__: ClassVar[None] = None  # an array on the left leaves the arithmetic to us

    __add__, __radd__ = _arithmetic("Add")
    __sub__, __rsub__ = _arithmetic("Sub")
    __mul__, __rmul__ = _arithmetic("Mul")
    __truediv__, __rtruediv__ = _arithmetic("Div")
    __pow__, __matmul__ = _arithmetic("Pow")[0], _arithmetic("MatMul")[0]
    __gt__, __ge__ = _comparison("Greater"), _comparison("GreaterOrEqual")
    __lt__, __le__ = _comparison("Less"), _comparison("LessOrEqual")
    equals = _comparison("Equal")  # element by element; ``==`` stays the identity of Python objects

    def __and__(self, other: Tensor) -> Tensor:
        return self.graph.op("And", self, other)

    def __or__(self, other: Tensor) -> Tensor:
        return self.graph.op("Or", self, other)

    def __neg__(self) -> Tensor:
        return self.unary("Neg")

    def __invert__(self) -> Tensor:
        return self.unary("Not")

    def unary(self, kind: str, **attributes: Any) -> Tensor:
        """An operator of one input that keeps the dtype: Exp, Sqrt, Abs, Softmax, ..."""
        return self.graph.op(kind, self, **attributes)

    def cast(self, dtype: Any) -> Tensor:
        """This tensor as another dtype; itself where it already is."""
        wanted = np.dtype(dtype)
        if wanted == self.dtype:
            return self
        return self.graph.op("Cast", self, dtype=wanted, to=helper.np_dtype_to_tensor_dtype(wanted))

    def is_nan(self) -> Tensor:
        """Where a number is missing."""
        return self.graph.op("IsNaN", self, dtype=np.bool_)

    def where(self, yes: Any, no: Any) -> Tensor:
        """``self ? yes : no``; at least one of the two is a tensor and gives the dtype."""
        dtype = yes.dtype if isinstance(yes, Tensor) else no.dtype
        return self.graph.op(
            "Where", self, self.graph.constant(yes, dtype), self.graph.constant(no, dtype), dtype=dtype
        )

    def same_text(self, other: Tensor) -> Tensor:
        """Where two tensors of texts hold the same one."""
        made = self.graph.op("Equal", self, other, dtype=np.bool_)
        self.graph.require(made, TEXTS_COMPARED)
        return made

    def coded(self, codes: Mapping[str, int], otherwise: int) -> Tensor:
        """Strings as the integers that a dictionary gives them."""
        known = {"keys_strings": list(codes), "values_int64s": list(codes.values()), "default_int64": otherwise}
        return self.graph.op("LabelEncoder", self, dtype=np.int64, domain=ML, **known)

    def take(self, columns: Sequence[int] | Array) -> Tensor:
        """The columns at these positions, in this order."""
        return self.graph.op("Gather", self, self.graph.constant(np.asarray(columns, np.int64)), axis=1)

    def column(self, index: int) -> Tensor:
        """One column as a vector of rows."""
        return self.graph.op("Gather", self, self.graph.constant(np.int64(index)), axis=1)

    def reshape(self, *shape: int) -> Tensor:
        """ONNX Reshape: -1 is inferred, 0 keeps the dimension."""
        return self.graph.op("Reshape", self, self.graph.constant(np.array(shape, np.int64)))

    def reduce(self, kind: str, axis: int = 1, keep: bool = True) -> Tensor:
        """ReduceSum, ReduceMax, ReduceMean, ... along one axis."""
        return self.graph.op(kind, self, self.graph.constant(np.array([axis], np.int64)), keepdims=int(keep))

    def argmax(self) -> Tensor:
        """The position of the largest value in each row; the first one wins, as in numpy."""
        return self.graph.op("ArgMax", self, dtype=np.int64, axis=1, keepdims=0)


class Graph:
    """A graph under construction."""

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._inputs: list[Any] = []
        self._constants: dict[tuple[Any, ...], TensorProto] = {}
        self._seen: dict[tuple[Any, ...], tuple[Tensor, ...]] = {}
        self._taken: set[str] = set()
        self._marks: list[Tensor] = []
        self._forbidden: dict[str, Refused] = {}
        self._required: dict[str, tuple[str, int, int]] = {}
        self._numbers = itertools.count()

    def input(self, name: str, dtype: Any, width: int) -> Tensor:
        """Declares a graph input of shape ``[rows, width]``."""
        kind = np.dtype(dtype)
        self._taken.add(name)
        self._inputs.append(helper.make_tensor_value_info(name, element(kind), [ROWS, width]))
        return Tensor(self, name, kind)

    def constant(self, value: Any, dtype: Any = None) -> Tensor:
        """A tensor of constant values; a tensor is handed back as it is. Equal constants are stored once."""
        if isinstance(value, Tensor):
            return value
        array = np.asarray(value, dtype)
        array = array.astype(object) if array.dtype.kind in "UO" else np.ascontiguousarray(array).reshape(array.shape)
        content = tuple(array.ravel()) if array.dtype.kind == "O" else array.tobytes()
        key = (array.dtype.str, array.shape, content)
        if key not in self._constants:
            self._constants[key] = numpy_helper.from_array(array, self._name("c"))
        return Tensor(self, self._constants[key].name, array.dtype)

    def op(self, kind: str, *inputs: Tensor, dtype: Any = None, domain: str = "", **attributes: Any) -> Tensor:
        """Appends a node of one output and answers that; ``dtype`` is the first input's unless stated."""
        return self.ops(
            kind, *inputs, dtypes=[inputs[0].dtype if dtype is None else dtype], domain=domain, **attributes
        )[0]

    def ops(
        self, kind: str, *inputs: Tensor, dtypes: Sequence[Any], domain: str = "", **attributes: Any
    ) -> tuple[Tensor, ...]:
        """Appends a node of several outputs; an equal node that exists already is answered instead."""
        key = (kind, domain, tuple(item.name for item in inputs), tuple(map(str, dtypes)), frozen(attributes))
        if key not in self._seen:
            outputs = tuple(Tensor(self, self._name(kind), np.dtype(dtype)) for dtype in dtypes)
            names = [item.name for item in outputs]
            node = helper.make_node(kind, [item.name for item in inputs], names, domain=domain, **attributes)
            self._nodes.append(node)
            self._seen[key] = outputs
        return self._seen[key]

    def concat(self, tensors: Sequence[Tensor], axis: int = 1) -> Tensor:
        """Side by side; one tensor is itself."""
        return tensors[0] if len(tensors) == 1 else self.op("Concat", *tensors, axis=axis)

    def zeros(self, like: Tensor) -> Tensor:
        """A float64 column ``[rows, 1]`` of zeros with as many rows as ``like``, which may be of any dtype."""
        rows = self.op("Shape", like, dtype=np.int64, start=0, end=1)
        shape = self.op("Concat", rows, self.constant(np.array([1], np.int64)), axis=0)
        return self.op("ConstantOfShape", shape, dtype=np.float64, value=numpy_helper.from_array(np.zeros(1)))

    def sources(self, tensors: Sequence[Tensor]) -> set[str]:
        """The names of the inputs that these are computed from."""
        wanted = {tensor.name for tensor in tensors}
        wanted.update(name for node in needed(self._nodes, set(wanted)) for name in node.input)
        return wanted & {item.name for item in self._inputs}

    def mark(self, rows: Tensor) -> None:
        """Notes that the original's answer to some rows is an accident: ``rows`` [rows] says to which."""
        self._marks.append(rows)

    def require(self, tensor: Tensor, opset: tuple[str, int, int]) -> None:
        """Notes that what makes a tensor needs a later opset of a domain, and its IR version."""
        self._required[tensor.name] = opset

    def forbid(self, tensor: Tensor, refusal: Refused) -> None:
        """Notes what no file may compute: `finish` raises ``refusal`` where an output needs it."""
        self._forbidden[tensor.name] = refusal

    def forbidden(self, tensor: Tensor) -> Refused | None:
        """The refusal that was noted of a tensor, if one was."""
        return self._forbidden.get(tensor.name)

    def finish_marks(self, name: str) -> ModelProto | None:
        """The model whose one output ``name`` [rows] says which rows are marked; None without marks.

        To be called before `finish`, which renames tensors.
        """
        if not self._marks:
            return None
        any_mark = functools.reduce(Tensor.__or__, self._marks)
        return self.finish({name: any_mark}, {name: ()})

    def finish(self, outputs: Mapping[str, Tensor], widths: Mapping[str, tuple[int, ...]]) -> ModelProto:
        """The model whose outputs have these names: pruned, with its opsets pinned.

        ``widths`` gives each output's shape without its rows: ``()`` for a vector, ``(3,)`` for a matrix. An input that
        no output needs is kept: the signature is the schema's. Raises what `forbid` noted.
        """
        final = {name: self._output(tensor) for name, tensor in outputs.items()}
        names = {tensor.name: name for name, tensor in final.items()}
        nodes = in_one_operator(needed(self._nodes, set(names)))
        for name in self._forbidden.keys() & {name for node in nodes for name in node.output}:
            raise self._forbidden[name]
        later = [LATER[node.op_type] for node in nodes if node.op_type in LATER]
        later += [self._required[name] for node in nodes for name in node.output if name in self._required]
        rename(nodes, names)
        used = {name for node in nodes for name in node.input}
        constants = [item for item in self._constants.values() if item.name in used]
        signature = [
            helper.make_tensor_value_info(name, element(tensor.dtype), [ROWS, *widths[name]])
            for name, tensor in final.items()
        ]
        graph = helper.make_graph(nodes, "dynonnx", self._inputs, signature, constants)
        ir_version = max([IR_VERSION, *(needed for _, _, needed in later)])
        versions = OPSETS | {domain: opset for domain, opset, _ in later}
        opsets = [helper.make_opsetid(domain, version) for domain, version in versions.items()]
        if any(node.domain == MICROSOFT for node in nodes):
            opsets.append(helper.make_opsetid(MICROSOFT, 1))
        return helper.make_model(graph, opset_imports=opsets, ir_version=ir_version, producer_name="dynonnx")

    def _output(self, tensor: Tensor) -> Tensor:
        """A tensor that is an input or a constant cannot itself be an output; nor can one tensor be two."""
        produced = any(tensor.name in node.output for node in self._nodes)
        if produced and tensor.name not in self._taken:
            self._taken.add(tensor.name)
            return tensor
        node = helper.make_node("Identity", [tensor.name], [self._name("Identity")])
        self._nodes.append(node)
        return Tensor(self, node.output[0], tensor.dtype)

    def _name(self, hint: str) -> str:
        return next(name for number in self._numbers if (name := f"{hint}{number}") not in self._taken)
