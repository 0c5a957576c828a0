"""Owns what a person's own steps give away of the columns they see: texts, known values, thresholds, what passes.

Each step is recorded over the table that it gets when the model is asked. What it learns may change that table, so it
is done until nothing new is learned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np

from convert.errors import Refused
from convert.exporters.registry import Exporter
from convert.graph.graph import Graph
from convert.tracing.recorder.calendar import turns
from convert.tracing.recorder.learned import Learned, MissingColumn, NeedsDates, NeedsText
from convert.tracing.recorder.recorder import Recorder
from convert.tracing.recording import SIZES, columns_of, record, recorder_for
from convert.tracing.steps import call_of, capture, functions_of, is_own, own_steps

if TYPE_CHECKING:
    from convert.original.hints.column_hints import ColumnHint, ColumnView, Views

MOST_ROUNDS = 200
UNIT = "us"  # of dates that own code reads: finer than float64 tells them apart, and it holds any year


class OwnColumns:
    """What is known of a model's own steps: by id the views that each sees, and the column that each of its is."""

    def __init__(self) -> None:
        self._views: dict[int, Views] = {}
        self._passed: dict[int, list[tuple[int | None, int | None]]] = {}  # as it is, and as a number that it was
        self._read: dict[int, set[int]] = {}  # the columns of which a step makes others
        self._untold: dict[int, set[int]] = {}  # columns of which a step is the first to say what they hold
        self._learned: dict[tuple[int, int], Learned] = {}
        self._handed_over: dict[int, list[tuple[Any, list[int | None]]]] = {}  # what it keeps, and what those see

    @contextmanager
    def known(self) -> Iterator[None]:
        """Within the block `visit` answers from this."""
        token = _KNOWN.set(self)
        try:
            yield
        finally:
            _KNOWN.reset(token)

    def pass_on(self, step: Any, views: Views, visit: Callable[[Any, Views], Any]) -> tuple[Views, Views]:
        """What a step hands on of the columns it sees; and those that it reads, all of them while that is not known.

        ``visit`` is shown the estimators that the step keeps, and what each sees.
        """
        self._views[id(step)] = views
        self._untold[id(step)] = {at for at, view in enumerate(views) if view and _is_untold(view)}
        for inner, origins in self._handed_over.get(id(step), ()):
            visit(inner, [None if at is None else views[at] for at in origins])
        for (owner, column), learned in self._learned.items():
            view = views[column] if owner == id(step) and column < len(views) else None
            if view is not None:
                view.hint.text = view.hint.text or learned.text
                view.hint.unsure = view.hint.unsure or learned.unsure
                view.hint.known += [value for value in learned.known if value not in view.hint.known]
                view.hint.supposed += [value for value in learned.supposed if value not in view.hint.supposed]
                view.hint.samples += [text for text in learned.samples if text not in view.hint.samples]
                if learned.dates:
                    note_dates(view.hint)
                if not view.hint.text:
                    numbers = view.inverse(np.asarray(learned.points, np.float64))
                    view.hint.points += [float(value) for value in numbers]
        return self._handed_on(step, views), [
            view for at, view in enumerate(views) if at in self._read.get(id(step), {at})
        ]

    def _handed_on(self, step: Any, views: Views) -> Views:
        passed: Views = []
        for at, number in self._passed.get(id(step), ()):
            view = views[number] if number is not None else None
            if view is not None:
                view.hint.number = view.hint.number or type(view.hint)()
                passed.append(type(view)(view.hint.number, lambda x: x))
            else:
                passed.append(None if at is None else views[at])
        return passed

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
        recorder.untold = self._untold.get(id(step), ())
        try:
            found = record(
                recorder, call_of(step, Exporter(graph)), sample[:rows], columns_of(sample, graph), *functions_of(step)
            )
        except NeedsDates as error:
            return self._add_all(step, dict.fromkeys(error.columns, Learned(dates=True)))
        except NeedsText as error:
            told = recorder.learned.get(error.column, Learned())
            return self._add(step, error.column, Learned(text=True, unsure=told.unsure))
        except (Refused, MissingColumn):
            return self._add_all(step, recorder.learned) or self._hand_over(step, recorder)
        passed = list(zip(found.origins, found.numbers, strict=True))
        new = self._passed.get(id(step)) != passed
        self._passed[id(step)] = passed
        self._read[id(step)] = found.read
        new = self._hand_over(step, recorder) or new
        return self._add_all(step, recorder.learned) or new

    def _hand_over(self, step: Any, recorder: Recorder) -> bool:
        before = self._handed_over.get(id(step), [])
        self._handed_over[id(step)] = recorder.handed_over
        return [at for _, at in before] != [at for _, at in recorder.handed_over]

    def _add_all(self, step: Any, learned: Mapping[int, Learned]) -> bool:
        new = [self._add(step, column, what) for column, what in learned.items()]
        return any(new)

    def _add(self, step: Any, column: int, learned: Learned) -> bool:
        before = self._learned.get((id(step), column))
        if before == learned or (before is not None and (before.text, before.dates) > (learned.text, learned.dates)):
            return False
        self._learned[id(step), column] = learned
        return True


def _is_untold(view: ColumnView) -> bool:
    """Whether nothing tells of a column whether it holds texts or numbers: no step before, no rows of a person's."""
    return not (view.hint.readers or view.hint.numeric or view.hint.given or view.hint.dates)


def note_dates(hint: ColumnHint) -> None:
    """Notes that a column holds dates, which own code takes apart: days at which years, months and weeks turn."""
    if hint.dates:
        return
    hint.dates = UNIT
    hint.points += turns().tolist()


_KNOWN: ContextVar[OwnColumns | None] = ContextVar("own columns", default=None)


def visit(step: Any, views: Views, inner: Callable[[Any, Views], Any]) -> tuple[Views, Views] | None:
    """What a person's own step hands on, and reads; None where this is none of theirs, or nobody asks.

    ``inner`` visits what the step keeps.
    """
    known = _KNOWN.get()
    return known.pass_on(step, views, inner) if known is not None and is_own(step) else None


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
