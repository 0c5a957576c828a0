"""Owns what a graph within a Scan node may see, and what its turns give together. Follows no graph itself."""

from __future__ import annotations

from collections.abc import Mapping

from server.artefact.mixing.graph import Graph, Node
from server.artefact.mixing.node import Applied
from server.artefact.mixing.value import Dim, Known, Mixed, NotProven, Value, shown


def captured(name: str, value: Known) -> Known:
    """What a graph within a node may use of what is around it: constants."""
    if isinstance(value, Value) and not (value.has_rows or value.counts_rows):
        return value
    return Mixed(f"a graph within a node uses {shown(name)}, which has all rows")


def origin(name: str, makers: Mapping[str, Node]) -> str:
    """The tensor that a chain of Identity began with."""
    for _ in makers:
        maker = makers.get(name)
        if maker is None or maker.operator != "Identity" or maker.domain:
            break
        name = maker.inputs[0]
    return name


def check_order(applied: Applied, body: Graph, states: int) -> None:
    """Raises NotProven unless it goes along the first axes, from the front, with an input for each of the graph's."""
    orders = ("scan_input_axes", "scan_output_axes", "scan_input_directions", "scan_output_directions")
    fits = 0 <= states < len(applied.inputs) == len(body.inputs) and states <= len(body.outputs)
    fits = fits and body.constants.keys().isdisjoint(body.inputs)  # an input may not have a value of its own
    if not fits or any(any(applied.integers(order) or ()) for order in orders):
        raise NotProven("it loops in another way than along the first axis")


def stacked(value: Known | None, length: Dim) -> Value:
    """What comes of all turns."""
    if not isinstance(value, Value):
        raise NotProven(value.why if value else "an output of its graph is made by no node")
    if value.counts_rows or value.texts is not None:
        raise NotProven("its graph gives something else than rows")
    return Value((length, *value.shape))
