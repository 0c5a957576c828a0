"""Owns what is found out of a file that says nothing of itself: whether its rows stand alone, what a run costs.

Its inputs are made up, so a failure says little: such a file serves all the same, each request in a run of its own.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence

from server.artefact.runtime import Runtime
from server.artefact.tensors import InputLayout, TensorSpec
from server.batching.cost import CostCurve
from server.codecs.v2.codec import has_rows
from server.logs import log
from server.models.trial import TrialFailed, Verdict, examine, probe_feed, seconds_of_run, warm_up

GUESSES = (8, 32, 224, 1)  # for dimensions that vary: a few words, a small picture, a usual picture, a single value
MAX_ITEMS = 1 << 20  # of one made-up row of an input: a graph that wants more is not tried
MAX_WARM_ITEMS = 1 << 23  # of all rows of an input together
UNKNOWN_SECONDS = 0.01  # a run of unknown cost goes to the thread, until one has been seen
NO_MEMORY = re.compile("alloc", re.IGNORECASE)  # a graph that makes gigabytes out of next to nothing


def probe(runtime: Runtime, max_rows: int) -> tuple[Verdict, CostCurve]:
    """Tries made-up inputs of several sizes; the first that run decide. Raises TrialFailed where memory ends."""
    rows_first = has_rows(runtime.inputs)
    for layouts in guessed(runtime.inputs):
        try:
            if not rows_first:
                return Verdict(0, False), _cost_of_one(runtime, layouts)
            verdict = examine(runtime, None, layouts)
            return verdict, warm_up(runtime, None, layouts, min(max_rows, MAX_WARM_ITEMS // _largest(layouts)))
        except TrialFailed as error:
            if NO_MEMORY.search(str(error)):
                raise
            log.info("made-up inputs do not run: %s", error)
    return Verdict(0, False), _unknown_cost()


def run_once(runtime: Runtime) -> None:
    """Runs a file that was tried elsewhere, so that all workers share what a first run makes."""
    for layouts in guessed(runtime.inputs):
        with contextlib.suppress(TrialFailed):
            _cost_of_one(runtime, layouts)
            return


def guessed(inputs: Sequence[TensorSpec]) -> Iterator[tuple[InputLayout, ...]]:
    """The inputs with their varying dimensions guessed, all alike; without rows the whole shape is that of one row."""
    rows_first = has_rows(inputs)
    varies = any(None in spec.shape[rows_first:] for spec in inputs)
    for guess in GUESSES if varies else GUESSES[:1]:
        shapes = [tuple(guess if size is None else size for size in spec.shape[rows_first:]) for spec in inputs]
        layouts = tuple(InputLayout(spec.name, spec.dtype, shape) for spec, shape in zip(inputs, shapes, strict=True))
        if _largest(layouts) <= MAX_ITEMS:
            yield layouts


def _largest(layouts: Sequence[InputLayout]) -> int:
    return max((layout.row_items for layout in layouts), default=1) or 1


def _unknown_cost() -> CostCurve:
    curve = CostCurve()
    curve.fixed_seconds = UNKNOWN_SECONDS
    return curve


def _cost_of_one(runtime: Runtime, layouts: Sequence[InputLayout]) -> CostCurve:
    rows_first = has_rows(runtime.inputs)
    feed = {
        name: rows[0:1] if rows_first else rows[0:1].reshape(rows.shape[1:])
        for name, rows in probe_feed(layouts).items()
    }
    curve = CostCurve()
    curve.learn(1, seconds_of_run(runtime, [output.name for output in runtime.outputs], feed))
    return curve
