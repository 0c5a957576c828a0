"""Owns what is known of one column of a model's input: text or number, known categories, thresholds, spread.

Knows nothing of estimators. A hint only makes the proof rows sharper; nothing is believed that the original model does
not confirm when asked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convert.errors import Refused
from convert.graph.graph import Array
from convert.original.hints.ways import Split, Stretch

MOST_NUMBERS, STEPS = 20, 9  # thresholds, and numbers about the middle, that are written as texts
MOST_WHOLE = 2**53  # up to it float64 holds every whole number


@dataclass(slots=True)
class ColumnHint:
    """One column of the model's input. ``points`` are numbers at which the model changes its mind."""

    readers: list[int] = field(default_factory=list)  # estimators that see it; a ColumnTransformer may drop it before
    text: bool = False
    numeric: bool = False  # a person's rows hold numbers there
    number: ColumnHint | None = None  # what is known of the numbers that own code reads its texts as
    unsure: bool = False  # own code does the same to texts and numbers there, and nothing else tells which it holds
    fill: str | None = None  # what an imputer puts where nothing is: with it alone numbers stay numbers
    boolean: bool = False
    flags: bool = False  # objects in the model's own rows: True, False and missing ones, which a file has as numbers
    known: list[Any] = field(default_factory=list)
    supposed: list[Any] = field(default_factory=list)  # what is known where nothing else is
    points: list[float] = field(default_factory=list)
    centre: float | None = None
    spread: float | None = None
    positive: bool = False  # the model refuses negative numbers
    nonzero: bool = False  # and zero
    remembered: Array | None = None  # [rows]: its values in the rows that the model remembers, as a person wrote them
    samples: list[str] = field(default_factory=list)  # texts that own code takes apart otherwise than others
    given: list[str] = field(default_factory=list)  # texts of a person's rows, where own code reads the column
    shaped: bool = False  # and that code takes no others than such: `given` are those that it takes
    words: list[str] = field(default_factory=list)  # of texts: what the model knows
    hashed_by: list[Any] = field(default_factory=list)  # and the vectorizers that know none
    by_word: dict[str, ColumnHint] = field(default_factory=dict)  # and what it gives away of the column of each
    missing: Any = math.nan  # how a missing text is put to the model: None where that is among its categories
    markers: list[Any] = field(default_factory=list)  # values that the model takes for missing
    native: bool = False  # a pandas column of categories, the known ones
    closed: bool = False  # and the model takes no others
    dates: str = ""  # where it holds dates, numpy's unit of them; `known` are seconds since 1970
    ways: dict[Split, Stretch] = field(default_factory=dict)  # where it lies in rows that reach a split of a tree
    measured: tuple[int, float, float] | None = None  # of so many points, where they lie and how far they spread


def number_texts(hint: ColumnHint) -> list[str]:
    """Texts of numbers as the model may have seen them, where own code reads the column's texts as such."""
    read = hint.number
    if read is None:
        return []
    points = np.unique([point for point in read.points if np.isfinite(point)])
    points = points[:: max(1, len(points) // MOST_NUMBERS)]
    centre, spread = read.centre, read.spread
    if centre is None or not spread:
        centre, spread = (float(np.mean(points)), float(np.std(points)) or 1.0) if len(points) else (0.0, 1.0)
    told = [*(centre + spread * np.linspace(-2, 2, STEPS)), *points]
    return list(dict.fromkeys(f"{value:.6g}" for value in told))


@dataclass(frozen=True, slots=True)
class ColumnView:
    """A column as an estimator deep inside sees it; ``inverse`` leads from its values to those of the input column."""

    hint: ColumnHint
    inverse: Callable[[Array], Array]


Views = list["ColumnView | None"]  # None stands for a column of which nothing is known


def note_read(reader: Any, views: Views) -> None:
    """Notes who sees these columns."""
    for view in filter(None, views):
        view.hint.readers.append(id(reader))


def note_values(view: ColumnView, values: Array) -> None:
    """Notes categories, one of which may be the missing one. Raises Refused for two kinds of that."""
    nothing = [value for value in values if value is None or value != value]
    if any(value is None for value in nothing):
        if len(nothing) > 1:
            raise Refused(
                "a column has both None and NaN among its categories, and a file knows one missing value",
                "make one of the other before fitting, with fillna",
            )
        view.hint.missing = None
    there = [value for value in values if not (value is None or value != value)]
    if any(isinstance(value, int | np.integer) and abs(int(value)) > MOST_WHOLE for value in there):
        raise Refused(
            "a column has whole numbers beyond 2^53 among its categories, and as a file holds numbers (float64) some of"
            " them are one",
            "make texts of them before fitting, with astype(str)",
        )
    numbers = bool(there) and all(isinstance(value, int | float | np.number | np.bool_) for value in there)
    if numbers and view.hint.fill is not None:
        view.hint.known = [value for value in view.hint.known if value != view.hint.fill]
        view.hint.text, view.hint.fill = False, None
    view.hint.text = view.hint.text or (values.dtype.kind in "OUS" and not numbers)
    booleans = all(isinstance(value, bool | np.bool_) for value in there)
    view.hint.boolean = not nothing and booleans
    view.hint.flags = bool(nothing and there) and booleans
    view.hint.known += list(values)


def note_marker(view: ColumnView, marker: Any) -> None:
    """Notes what stands for a missing value: None, NaN, or a number or text that is replaced like it."""
    if marker is None:
        view.hint.missing = None
    elif isinstance(marker, str):
        view.hint.markers.append(marker)
    elif isinstance(marker, int | float | np.number) and np.isfinite(marker):
        view.hint.markers += view.inverse(np.array([marker], np.float64)).tolist()


def note_points(view: ColumnView, points: Sequence[float] | Array) -> None:
    """Notes numbers, as the estimator compares with them, at which it changes its mind."""
    numbers = view.inverse(np.asarray(points, np.float64))
    view.hint.points += [float(value) for value in numbers if np.isfinite(value)]
