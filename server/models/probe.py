"""Owns the trial of a file without dynonnx metadata: row-independence and cost, by made-up inputs. Knows no HTTP.

A run that fails on made-up inputs proves little: such a file is served, with each request in its own run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from server.artefact.runtime import Runtime
from server.artefact.tensors import InputLayout, TensorSpec
from server.batching.cost import CostCurve
from server.codecs.v2.codec import has_rows
from server.logs import log
from server.models.trial import TrialFailed, Verdict, examine, probe_feed, seconds_of_run, warm_up

# docs/decisions.md: "A file that says nothing is tried with made-up inputs of several sizes"
GUESSES = (8, 32, 224, 1)  # for dimensions that vary: a few words, a small image, a usual image, a single value
MAX_ITEMS = 1 << 20  # elements of a made-up row: larger guesses are not tried
MAX_WARM_ITEMS = 1 << 23  # elements of all made-up rows of an input
UNKNOWN_SECONDS = 0.01  # an unknown cost sends the first run to the thread
NO_ROWS = "the first axis of an input is not that of any number of rows"
NOT_TRIED = "it did not run with the inputs that were made up for its trial"
NO_MEMORY = re.compile("alloc", re.IGNORECASE)  # in the error of a graph that allocates gigabytes for small inputs


def probe(runtime: Runtime, max_rows: int) -> tuple[Verdict, CostCurve]:
    """Tries made-up inputs; the first size that runs decides. Raises TrialFailed if memory runs out."""
    rows_first = has_rows(runtime.inputs)
    for layouts in guessed(runtime.inputs):
        try:
            if not rows_first:
                return Verdict(0, NO_ROWS), _cost_of_one(runtime, layouts)
            verdict = examine(runtime, None, layouts)
            return verdict, warm_up(runtime, None, layouts, min(max_rows, MAX_WARM_ITEMS // _largest(layouts)))
        except TrialFailed as error:
            if NO_MEMORY.search(str(error)):
                raise
            log.info("made-up inputs do not run: %s", error)
    return Verdict(0, NOT_TRIED if rows_first else NO_ROWS), _unknown_cost()


def guessed(inputs: Sequence[TensorSpec]) -> Iterator[tuple[InputLayout, ...]]:
    """Yields the inputs with one guess for all varying dimensions; without rows ``row_shape`` is the whole shape."""
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
