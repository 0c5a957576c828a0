"""Owns what a person's own steps give away of the columns they see: texts, known values, thresholds, what passes.

Each step is recorded over the table that it gets when the model is asked. What it learns may change that table, so it
is done until nothing new is learned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np

from convert.errors import Refused
from convert.exporters.registry import Exporter
from convert.graph.graph import Graph
from convert.tracing.recorder.calendar import turns
from convert.tracing.recorder.learned import Learned, MissingColumn, NeedsDates, NeedsText
from convert.tracing.recording import SIZES, columns_of, record, recorder_for
from convert.tracing.steps import call_of, capture, functions_of, is_own, own_steps

if TYPE_CHECKING:
    from convert.original.hints.column_hints import ColumnHint, Views

MOST_ROUNDS = 200
UNIT = "us"  # of dates that own code reads: finer than float64 tells them apart, and it holds any year


class OwnColumns:
    """What is known of a model's own steps: by id the views that each sees, and the column that each of its is."""

    def __init__(self) -> None:
        self._views: dict[int, Views] = {}
        self._passed: dict[int, Sequence[int | None]] = {}
        self._read: dict[int, set[int]] = {}  # the columns of which a step makes others
        self._learned: dict[tuple[int, int], Learned] = {}

    @contextmanager
    def known(self) -> Iterator[None]:
        """Within the block `visit` answers from this."""
        token = _KNOWN.set(self)
        try:
            yield
        finally:
            _KNOWN.reset(token)

    def pass_on(self, step: Any, views: Views) -> tuple[Views, Views]:
        """What a step hands on of the columns it sees; and those that it reads, all of them while that is not known."""
        self._views[id(step)] = views
        for (owner, column), learned in self._learned.items():
            view = views[column] if owner == id(step) and column < len(views) else None
            if view is not None:
                view.hint.text = view.hint.text or learned.text
                view.hint.known += [value for value in learned.known if value not in view.hint.known]
                view.hint.samples += [text for text in learned.samples if text not in view.hint.samples]
                if learned.dates:
                    note_dates(view.hint)
                if not view.hint.text:
                    numbers = view.inverse(np.asarray(learned.points, np.float64))
                    view.hint.points += [float(value) for value in numbers]
        passed: Views = [None if at is None else views[at] for at in self._passed.get(id(step), ())]
        return passed, [view for at, view in enumerate(views) if at in self._read.get(id(step), {at})]

    def learn(self, model: Any, ask: Callable[[], Any]) -> bool:
        """Records each step over what it gets from ``ask``; whether anything new came of it."""
        samples = capture(model, ask)
        new = [self._learn(step, samples[id(step)]) for step in own_steps(model) if id(step) in samples]
        return any(new)

    def _learn(self, step: Any, sample: Any) -> bool:
        if not hasattr(sample, "ndim") or hasattr(sample, "toarray"):
            return False
        width = 1 if sample.ndim == 1 else sample.shape[1]
        rows = next(size for size in SIZES if size != width)
        graph = Graph()
        recorder = recorder_for(graph, sample[:rows])
        try:
            found = record(
                recorder, call_of(step, Exporter(graph)), sample[:rows], columns_of(sample, graph), *functions_of(step)
            )
        except NeedsDates as error:
            return self._add_all(step, dict.fromkeys(error.columns, Learned(dates=True)))
        except NeedsText as error:
            return self._add(step, error.column, Learned(text=True))
        except (Refused, MissingColumn):
            return self._add_all(step, recorder.learned)
        new = self._passed.get(id(step)) != found.origins
        self._passed[id(step)] = found.origins
        self._read[id(step)] = found.read
        return self._add_all(step, recorder.learned) or new

    def _add_all(self, step: Any, learned: Mapping[int, Learned]) -> bool:
        new = [self._add(step, column, what) for column, what in learned.items()]
        return any(new)

    def _add(self, step: Any, column: int, learned: Learned) -> bool:
        before = self._learned.get((id(step), column))
        if before == learned or (before is not None and (before.text, before.dates) > (learned.text, learned.dates)):
            return False
        self._learned[id(step), column] = learned
        return True


def note_dates(hint: ColumnHint) -> None:
    """Notes that a column holds dates, which own code takes apart: days at which years, months and weeks turn."""
    if hint.dates:
        return
    hint.dates = UNIT
    hint.points += turns().tolist()


_KNOWN: ContextVar[OwnColumns | None] = ContextVar("own columns", default=None)


def visit(step: Any, views: Views) -> tuple[Views, Views] | None:
    """What a person's own step hands on, and reads; None where this is none of theirs, or nobody asks."""
    known = _KNOWN.get()
    return known.pass_on(step, views) if known is not None and is_own(step) else None


def learn_columns(
    model: Any, find: Callable[[], list[ColumnHint]], ask: Callable[[list[ColumnHint]], Any]
) -> list[ColumnHint]:
    """Hints of all columns, with what the model's own steps tell.

    ``find`` looks at the model; ``ask`` asks it for rows as they may be by these hints.
    """
    own = OwnColumns()
    with own.known():
        hints = find()
        if any(own_steps(model)):
            for _ in range(MOST_ROUNDS):
                if not own.learn(model, lambda: ask(hints)):  # noqa: B023  it is asked at once
                    break
                hints = find()
    return hints
