"""Owns what comes of a command: what is said where, and how it ended. Knows nothing of how it was done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DONE, FAILED, USAGE = 0, 1, 2
INTERRUPTED = 130  # by Ctrl-C, as shells have it


@dataclass(frozen=True, slots=True)
class Report:
    """What a command tells: a person, and a program."""

    text: str
    data: Mapping[str, Any]


class NotEqual(Exception):
    """The file does not answer as the original does; it carries the whole report."""

    def __init__(self, whole: Report) -> None:
        super().__init__(whole.text)
        self.report = whole


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended: its exit status, what is printed, what is said beside it."""

    status: int
    printed: str
    said: tuple[str, ...] = ()
