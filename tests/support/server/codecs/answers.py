"""JSON answers under test: what a group answers, in every way there is to make it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import orjson

from server.artefact.tensors import Array
from server.codecs.json.group import JsonGroup


def bodies(group: JsonGroup, outputs: Sequence[Array]) -> list[Any]:
    """The answer to each row alone, in every way there is to make it; they are one."""
    columns = group.encode(outputs)
    rows = len(outputs[0])
    assert group.bodies(columns) == [group.body(columns, row) for row in range(rows)]
    return [orjson.loads(body) for body in group.bodies(columns)]


def together(group: JsonGroup, outputs: Sequence[Array], start: int = 0, stop: int | None = None) -> Any:
    """The answer to several rows; to all of them in every way there is to make it."""
    if start == 0 and stop is None:
        assert group.whole(outputs) == group.body_of(group.encode(outputs), 0, len(outputs[0]))
    return orjson.loads(group.body_of(group.encode(outputs), start, len(outputs[0]) if stop is None else stop))


def finite(value: Any) -> Any:
    """A number as JSON has it: null where it is none."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
