"""Owns what a recorded function is given: its recording, and sample rows in place of stand-ins. Knows no function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from convert.tracing.recorder.recorder import Recorder
from convert.tracing.recorder.refusals import RECORDED, refuse
from convert.tracing.standins.standin import StandIn

Function = Callable[..., Any]


def recorder_of(*values: Any) -> Recorder:
    """The recording that one of these stand-ins, or of what is in these lists, belongs to."""
    for value in values:
        if isinstance(value, StandIn):
            return value.recorder
        if isinstance(value, list | tuple | dict):
            inner = value.values() if isinstance(value, dict) else value
            if holds_stand_in(value):
                return recorder_of(*inner)
    raise refuse("a function gets no rows to record", RECORDED)


def holds_stand_in(value: Any) -> bool:
    """Whether this is a stand-in, or a list or dict with one in it."""
    if isinstance(value, StandIn):
        return True
    if type(value) in (list, tuple):
        return any(map(holds_stand_in, value))
    return type(value) is dict and any(map(holds_stand_in, value.values()))


def bare(value: Any) -> Any:
    """Sample rows in place of stand-ins, also within lists; of series and frames their arrays."""
    if isinstance(value, StandIn):
        return np.asarray(value.concrete)
    return type(value)(map(bare, value)) if type(value) in (list, tuple) else value


def to_array(x: Any) -> Any:
    """A series or frame as the array that holds its values."""
    return x.to_numpy() if hasattr(x.concrete, "to_numpy") else x
