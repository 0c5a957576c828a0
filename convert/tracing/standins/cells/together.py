"""Owns how the answers of all ways through a function become one: each where its conditions hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from convert.graph.graph import Tensor
from convert.tracing.recorder import elements
from convert.tracing.recorder.keyed import plain
from convert.tracing.recorder.recorder import Recorder
from convert.tracing.recorder.refusals import VECTORISED, refuse
from convert.tracing.standins.cells.ways import Decision, Way, is_cell


def put_together(recorder: Recorder, like: Tensor, ways: list[Way]) -> Tensor:
    """[rows, 1]: the answers of all ways, each where its conditions hold."""
    answers = [answer.tensor if is_cell(answer) else answer for _, answer in ways]
    for answer in answers:
        if not (isinstance(answer, Tensor) or answer is None or isinstance(answer, str | int | float | np.generic)):
            raise refuse(f"a function of one value answers a {type(answer).__name__}", VECTORISED)
    if any(isinstance(answer, str) for answer in answers):
        for answer in answers:
            if isinstance(answer, Tensor) and recorder.origin(answer) is not None:
                recorder.need_text(answer, "texts beside it")
    kind = recorder.node_dtype(answers)
    filled = [
        recorder.node(lambda a=answer: elements.as_operand(recorder.graph, a, kind))  # type: ignore[misc]
        for answer in answers
    ]
    if len(filled) == 1:
        return filled[0] if isinstance(answers[0], Tensor) else elements.constant_like(like, filled[0])
    return _tree([(conditions, answer) for (conditions, _), answer in zip(ways, filled, strict=True)], 0)


def answers_of(ways: list[Way], ask: Callable[[], Any], like: Any) -> Any:
    """The sample rows of an answer; where they are none that a dict of the code holds, what other ways answer."""
    try:
        return ask()
    except KeyError:
        told = [plain(answer) for _, answer in ways if not is_cell(answer) and answer is not None]
        if not told or len(told) == len(ways):
            raise
        return like.__class__(np.resize(np.array(told, object), len(like)), index=like.index).infer_objects()


def _tree(ways: list[tuple[list[Decision], Tensor]], depth: int) -> Tensor:
    if len(ways) == 1:
        return ways[0][1]
    condition = ways[0][0][depth][0]
    yes = _tree([way for way in ways if way[0][depth][1]], depth + 1)
    no = _tree([way for way in ways if not way[0][depth][1]], depth + 1)
    return elements.choose(condition.graph, condition, yes, no)
