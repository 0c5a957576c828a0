"""Owns what a recording learns of the input's columns, and what is thrown where its sample rows hold other kinds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from convert.tracing.recorder.refusals import remember


@dataclass(slots=True)
class Learned:
    """What a recording learns of one input column: that it holds text or dates, values it knows, numbers it compares
    with, texts that it takes apart otherwise than others. ``unsure``: for all that shows it may hold texts or numbers.
    """

    text: bool = False
    dates: bool = False
    unsure: bool = False
    known: list[Any] = field(default_factory=list)
    supposed: list[Any] = field(default_factory=list)  # the same, if nothing else says what it knows
    points: list[float] = field(default_factory=list)
    samples: list[str] = field(default_factory=list)


class NeedsText(Exception):
    """The code takes an input column for text whose sample rows hold numbers."""

    def __init__(self, column: int) -> None:
        super().__init__(column)
        self.column = column
        remember(self)


class NeedsDates(NeedsText):
    """The code takes input columns for dates whose sample rows hold others."""

    def __init__(self, columns: Sequence[int]) -> None:
        super().__init__(columns[0])
        self.columns = columns


class MissingColumn(KeyError, AttributeError):
    """The code asks for a column that the sample rows do not have."""
