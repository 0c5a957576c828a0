"""Owns the recording of one call: stand-ins in, columns of the graph out, twice, and the two must be the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from convert.errors import Refused
from convert.graph.columns import Columns
from convert.graph.graph import Graph
from convert.tracing.patches import in_place
from convert.tracing.recorder.held import storage
from convert.tracing.recorder.learned import Learned, MissingColumn, NeedsDates, NeedsText
from convert.tracing.recorder.recorder import CURRENT, Recorder
from convert.tracing.recorder.refusals import RECORDED, Untraceable, failed, nothing_hidden
from convert.tracing.rows.picked import Picked
from convert.tracing.standins.arrays.array import Array
from convert.tracing.standins.dates.times import Times
from convert.tracing.standins.dummies import Dummies
from convert.tracing.standins.frames import Frame
from convert.tracing.standins.series.categories import plain
from convert.tracing.standins.series.series import Series
from convert.tracing.standins.standin import StandIn
from convert.tracing.surroundings import without_files

SIZES = (13, 7, 11, 17, 5)  # of the sample rows; primes, so that no width is taken for a number of rows
KINDS: dict[type, type[StandIn]] = {pd.DataFrame: Frame, pd.Series: Series, np.ndarray: Array}
Call = Callable[[Any], Any]


class Recording:
    """What came of one call.

    ``made`` are the columns of its answer, ``concrete`` its sample rows, ``origins`` the input column that each column
    is, or None; ``learned`` is what it gave away of the input's columns, of which it ``read`` those that it did not
    only hand on. ``wrote``: it wrote into the table that it was given.
    """

    def __init__(self, recorder: Recorder, answer: StandIn, wrote: bool) -> None:
        self.wrote = wrote
        self.made = held(answer)
        self.concrete = answer.concrete
        self.learned: dict[int, Learned] = recorder.learned
        singles = [self.made.take([at]).parts[0][0] for at in range(self.made.width)]
        self.origins = [recorder.origin(tensor) for tensor in singles]
        self.numbers = [recorder.number_of(tensor) for tensor in singles]
        self.read = recorder.read_by(singles)


def columns_of(concrete: Any, graph: Graph) -> Columns:
    """Graph inputs for a table, one for each column, held as the table holds them."""
    kinds = (
        list(concrete.dtypes)
        if isinstance(concrete, pd.DataFrame)
        else [concrete.dtype] * np.atleast_2d(concrete).shape[-1]
    )
    kinds = kinds[:1] if concrete.ndim == 1 else kinds
    held = [np.dtype(object) if isinstance(kind, pd.CategoricalDtype) else storage(kind) for kind in kinds]
    return Columns(graph, tuple((graph.input(f"x{at}", kind, 1), 1) for at, kind in enumerate(held)))


def recorder_for(graph: Graph, concrete: Any) -> Recorder:
    """A recorder of one call over these sample rows."""
    recorder = Recorder(graph, len(concrete))
    recorder.make = make
    return recorder


def record(recorder: Recorder, call: Call, concrete: Any, x: Columns, *functions: Any) -> Recording:
    """One call of ``call`` with stand-ins for ``concrete`` and ``x``; ``functions`` are those that it will run.

    Raises Refused, NeedsText where an input column holds text, MissingColumn for one that the sample rows lack; what
    was learned until then stands in the recorder.
    """
    given = recorder.inputs(concrete, x)
    before = given.columns_
    token = CURRENT.set(recorder)
    try:
        with in_place(*functions), without_files(), nothing_hidden():
            answer = call(given)
    except (Refused, NeedsText, MissingColumn, MemoryError):
        raise
    except Exception as error:
        raise failed(error) from error
    finally:
        CURRENT.reset(token)
    return Recording(recorder, _answered(answer), given.columns_ is not before)


def record_twice(graph: Graph, call: Call, samples: Any, x: Columns, *functions: Any, shared: bool = False) -> Columns:
    """The columns of a call's answer, recorded over two sets of rows. Raises Refused where the recordings differ.

    ``shared``: others see the table that it is given, so that it may not write into it.
    """
    sizes = [size for size in SIZES if size != x.width and size <= len(samples)][:2]
    first, second = (_numbered(samples[-size:] if at else samples[:size]) for at, size in enumerate(sizes))
    try:
        one, other = (record(recorder_for(graph, rows), call, rows, x, *functions) for rows in (first, second))
    except NeedsDates as error:
        raise Untraceable(
            f"it takes column {error.column} for dates, which holds others",
            "let the column be one of dates when the model is fitted and asked, or give rows with --data",
        ) from error
    except NeedsText as error:
        raise Untraceable(f"it takes column {error.column} for text, which holds numbers", RECORDED) from error
    except MissingColumn as error:
        raise Untraceable(f"it asks for a column {error.args[0]!r} that is not there", RECORDED) from error
    if [(tensor.name, wide) for tensor, wide in one.made.parts] != [(t.name, wide) for t, wide in other.made.parts]:
        raise Untraceable(
            "it does something else each time: two recordings over different rows are not the same",
            "leave random numbers, the time, and what only some rows have out of it",
        )
    if shared and one.wrote:
        raise Untraceable(
            "it writes into the table that it gets, which steps beside it see, too", "X = X.copy() before it is changed"
        )
    return one.made


def _numbered(rows: Any) -> Any:
    """With labels from 0 on, as every table has them that a model is asked about."""
    return rows.reset_index(drop=True) if hasattr(rows, "reset_index") else rows


def make(recorder: Recorder, concrete: Any, made: Columns) -> StandIn:
    """The stand-in of what sample rows are."""
    if isinstance(concrete, pd.Series) and isinstance(concrete.dtype, np.dtype) and concrete.dtype.kind in "mM":
        return Times(recorder, concrete, made)
    kind = next((kind for kind in KINDS if isinstance(concrete, kind)), None)
    if kind is None:
        raise Untraceable(f"it makes a {type(concrete).__name__}, which is not recorded", RECORDED)
    return KINDS[kind](recorder, concrete, made)


def held(answer: StandIn) -> Columns:
    """The columns of an answer as the next step sees them: categories are what they stand for."""
    if isinstance(answer, Series):
        whole: Columns = plain(answer).columns_
        return whole
    if isinstance(answer, Frame) and any(isinstance(dtype, pd.CategoricalDtype) for dtype in answer.dtypes):
        singles = [plain(answer.single(at)).columns_.parts[0] for at in range(answer.columns_.width)]
        return Columns(answer.recorder.graph, tuple(singles))
    return answer.columns_


def _answered(answer: Any) -> StandIn:
    if isinstance(answer, Dummies | Picked):
        raise answer.refusal
    if not isinstance(answer, StandIn):
        raise Untraceable(
            f"it answers a {type(answer).__name__} that is not made of the rows", "answer an array or DataFrame of them"
        )
    return answer
