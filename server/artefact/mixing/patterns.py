"""Owns patterns of several nodes whose parts mix rows, but which as a whole keep them apart. Knows no values.

A stable partition puts all elements of one code behind the others of their row: ``GatherElements(ids, order)`` with
``order`` from ``TopK(Where(ids == code, places + length, places), length)``, the smallest first, where ``places``
counts 1, 2, ... along the row and ``length`` is the width of ``ids``. A look-up by a matrix is
``ArrayFeatureExtractor``, which puts all rows into one line, and ``Reshape``, which takes the line apart again.
"""

from __future__ import annotations

from collections.abc import Mapping

from server.artefact.mixing.graph import Constant, Node

Makers = Mapping[str, Node]


def put_last(node: Node, makers: Makers, constants: Mapping[str, Constant]) -> tuple[str, str] | None:
    """The names of what is ordered and of the code that goes last, if this node is the end of the pattern."""
    if node.operator != "GatherElements" or node.domain or len(node.inputs) != 2 or node.attributes.get("axis") != 1:
        return None
    ids, order = node.inputs
    top = made(makers, order, "TopK", 2)
    if top is None or len(top.outputs) != 2 or top.outputs[1] != order:
        return None
    if (top.attributes.get("axis"), top.attributes.get("largest"), top.attributes.get("sorted", 1)) != (1, 0, 1):
        return None
    keys, length = made(makers, top.inputs[0], "Where", 3), top.inputs[1]
    is_code = made(makers, keys.inputs[0], "Equal", 2) if keys else None
    later = made(makers, keys.inputs[1], "Add", 2) if keys else None
    if keys is None or is_code is None or later is None or is_code.inputs[0] != ids:
        return None
    places = keys.inputs[2]
    if later.inputs != (places, length) or not is_length(makers, length, ids):
        return None
    return (ids, is_code.inputs[1]) if _count_places(makers, constants, places, ids) else None


def looked_up(node: Node, makers: Makers) -> tuple[str, str, str] | None:
    """The names of table, indices and shape, if this node takes the line of a look-up apart."""
    if node.operator != "Reshape" or node.domain or len(node.inputs) != 2 or node.attributes.get("allowzero", 0):
        return None
    line = makers.get(node.inputs[0])
    if line is not None and line.operator == "Cast" and not line.domain:
        line = makers.get(line.inputs[0])
    if line is None or (line.domain, line.operator, len(line.inputs)) != ("ai.onnx.ml", "ArrayFeatureExtractor", 2):
        return None
    return *line.inputs, node.inputs[1]  # type: ignore[return-value]


def made(makers: Makers, name: str, operator: str, inputs: int) -> Node | None:
    """The node that makes this tensor, if it is of this operator and has so many inputs."""
    node = makers.get(name)
    fits = node is not None and node.operator == operator and not node.domain and len(node.inputs) == inputs
    return node if fits else None


def is_length(makers: Makers, name: str, ids: str) -> bool:
    """Whether this is the width of ``ids``."""
    node = made(makers, name, "Shape", 1)
    wanted = (ids,), 1, 2
    return node is not None and (node.inputs, node.attributes.get("start"), node.attributes.get("end")) == wanted


def _count_places(makers: Makers, constants: Mapping[str, Constant], name: str, ids: str) -> bool:
    """Whether this is ``CumSum(ids * 0 + 1)`` along the row, for whole numbers."""
    sums = made(makers, name, "CumSum", 2)
    ones = made(makers, sums.inputs[0], "Add", 2) if sums else None
    noughts = made(makers, ones.inputs[0], "Mul", 2) if ones else None
    if sums is None or ones is None or noughts is None or noughts.inputs[0] != ids:
        return False
    if sums.attributes.get("exclusive", 0) or sums.attributes.get("reverse", 0):
        return False
    given = [constants.get(node.inputs[1]) for node in (sums, ones, noughts)]
    return [constant.numbers for constant in given if constant] == [(1,), (1,), (0,)]
