"""Owns what is asked of ONNX's own messages: nodes, attributes, types. Knows no graph under construction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper


def frozen(value: Any) -> Any:
    """An attribute as something that may be compared."""
    if isinstance(value, dict):
        return tuple((key, frozen(item)) for key, item in sorted(value.items()))
    if isinstance(value, np.ndarray):
        return value.tobytes()
    if isinstance(value, list):
        return tuple(value)
    return value.SerializeToString() if isinstance(value, TensorProto) else value


def element(dtype: np.dtype[Any]) -> int:
    """The number ONNX has for a dtype."""
    return TensorProto.STRING if dtype.kind in "OU" else helper.np_dtype_to_tensor_dtype(dtype)


def needed(nodes: Sequence[NodeProto], wanted: set[str]) -> list[NodeProto]:
    """The nodes that these names are computed by, in their order."""
    kept = []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted.update(node.input)
    return kept[::-1]


def rename(nodes: Sequence[NodeProto], names: Mapping[str, str]) -> None:
    """Gives inputs and outputs of nodes other names."""
    for node in nodes:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
