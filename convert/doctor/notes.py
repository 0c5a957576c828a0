"""Owns what is noted of a model file that nobody opens: its names, what it would make. Knows no format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

ARRAY_IN_FILE = "joblib.numpy_pickle.NumpyArrayWrapper"


@dataclass(frozen=True, slots=True)
class Name:
    """What the file would import."""

    full: str


@dataclass(slots=True, eq=False)
class Made:
    """What the file would make by calling ``of``; ``state`` is what it would fill it with."""

    of: str
    arguments: Any = ()
    state: Any = None


@dataclass(slots=True)
class Program:
    """What was read: the object at the end (None where the end was not reached), the names, the text's protocol."""

    content: Any = None
    names: dict[str, None] = field(default_factory=dict)  # in the order of the file
    protocol: int = 0
    why_stopped: str = ""
    strings: set[str] = field(default_factory=set)  # behind the key of a version
