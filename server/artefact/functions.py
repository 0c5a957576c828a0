"""Owns how large a file's graph is once its own functions stand in the places where they are called. Pure.

ONNX Runtime puts them there before anything else: forty functions that call the next one twice are a million million
nodes. Knows no bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from server.artefact.wire import BadFile

Name = tuple[str, str]  # domain, operator


def expanded_nodes(calls: Mapping[int, Counter[Name]], bodies: Mapping[Name, Sequence[int]]) -> int:
    """How many nodes the graphs, which are body 0, become; ``bodies`` are those of each function, of which there may
    be several of one name. Raises BadFile where functions call each other in a circle."""
    called = {body: {inner for name in made for inner in bodies.get(name, ())} for body, made in calls.items()}
    sizes: dict[int, int] = {}
    try:
        for body in TopologicalSorter(called).static_order():
            sizes[body] = sum(
                count * max((sizes[inner] for inner in bodies.get(name, ())), default=1)
                for name, count in calls.get(body, Counter()).items()
            )
    except CycleError:
        raise BadFile("has functions that call each other in a circle: no exporter writes such a file") from None
    return sizes.get(0, 0)
