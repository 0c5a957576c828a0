"""Owns how a refusal of a person's code reads: what it did, on which line, and what helps. Knows nothing of graphs."""

from __future__ import annotations

import dis
import functools
import itertools
import linecache
import os
import sys
import sysconfig
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path, PurePath
from types import CodeType, FrameType, TracebackType
from typing import Any

import numpy as np
from pandas.api.extensions import no_default as NO_DEFAULT  # noqa: N812  a constant

from convert.errors import Refused

OURS = tuple(f"{Path(__file__).resolve().parents[3] / folder}{os.sep}" for folder in ("convert", "server"))
LIBRARIES = tuple({os.path.realpath(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")})
NOTEBOOKS = ("<ipython-input", "ipykernel_")
LONGEST_LINE = 120
IDLE = frozenset(("copy", "deep", "order", "ordered", "subok"))  # keywords that change no value
MIXES = "it computes over the rows of the table that it gets, so that the answer to a row would depend on the others"
IN_FIT = "compute it in fit, from the training rows, keep it as self.something_, and use that in transform"
DECIDES = "it decides by the values of rows (if, while, and, or, not), and a graph does the same for all rows"
BY_VALUE = (
    "choose by value without deciding: np.where(condition, a, b), Series.where, np.select, & and | for and and or"
)
VECTORISED = "write it for whole columns: arithmetic of columns, np.where, Series.map of a dict, .str, pd.cut"
UNREADABLE = ("ValueError: could not convert string to float", "ValueError: invalid literal for int()")
OF_ROWS = "give rows of yours, whose texts it can read: --data ROWS.csv"
RECORDED = 'docs/convert.md, "Your own code", lists what is recorded; --converters FILE.py teaches any class'

_MADE: ContextVar[list[Exception] | None] = ContextVar("refusals", default=None)  # None: nothing is recorded


class Untraceable(Refused):
    """A person's code does something that cannot be recorded."""


def refuse(what: str, helps: str) -> Untraceable:
    """The refusal of what the code now does; it names the line, and is remembered should the code catch it."""
    made = prepared(what, helps)
    remember(made)
    return made


def prepared(what: str, helps: str) -> Untraceable:
    """The same of what the code may still put right."""
    line = _line(_frames(sys._getframe(1)))
    return Untraceable(f"{what}{f' ({line})' if line else ''}", helps)


def remember(error: Exception) -> None:
    """Code that catches every error does not hide this one."""
    made = _MADE.get()
    if made is not None:
        made.append(error)


@contextmanager
def nothing_hidden() -> Iterator[None]:
    """Raises, after a block that went through, what was remembered within it."""
    token = _MADE.set([])
    try:
        yield
        if made := _MADE.get():
            raise made[0]
    finally:
        _MADE.reset(token)


def only(others: Mapping[str, Any]) -> None:
    """Refuses keywords that change what a function does, where the recording of it has no other ones."""
    told = [name for name, value in others.items() if name not in IDLE and not _is_idle(value)]
    if told:
        raise refuse(f"{', '.join(f'{name}=' for name in told)} is not recorded", "leave it out, and name the result")


def _is_idle(value: Any) -> bool:
    return value is None or value is np._NoValue or (type(value) in (bool, int) and not value) or value is NO_DEFAULT


def failed(error: Exception) -> Untraceable:
    """The refusal of code that raised an error while it was recorded."""
    line = _line(_entries(error.__traceback__))
    words = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    if isinstance(error, PermissionError | FileNotFoundError):
        return Untraceable(
            f"it reads or writes a file or asks the system ({words}{f' ({line})' if line else ''})",
            "read it in fit, or before, and keep what is needed as an attribute or a constant",
        )
    helps = OF_ROWS if words.startswith(UNREADABLE) else RECORDED
    return Untraceable(f"it does not run while it is recorded: {words}{f' ({line})' if line else ''}", helps)


def _frames(frame: FrameType | None) -> Iterable[tuple[Any, int]]:
    while frame is not None:
        yield frame.f_code, frame.f_lineno
        frame = frame.f_back


def _entries(trace: TracebackType | None) -> Iterable[tuple[Any, int]]:
    return [(frame.f_code, line) for frame, line in traceback.walk_tb(trace)][::-1]


def asked_by_a_person(depth: int) -> bool:
    """Whether the code that many frames above this one's caller is a person's."""
    return is_a_persons(sys._getframe(depth + 1).f_code.co_filename)


def catches_errors(within: CodeType) -> bool:
    """Whether code of a person's that this code of ours now runs has an except clause."""
    called = itertools.takewhile(lambda code: code is not within, (code for code, _ in _frames(sys._getframe(1))))
    return any(_has_except(code) for code in called if is_a_persons(code.co_filename))


@functools.lru_cache(maxsize=1024)
def _has_except(code: CodeType) -> bool:
    names = [instruction.opname for instruction in dis.get_instructions(code)]
    return "CHECK_EXC_MATCH" in names or names.count("PUSH_EXC_INFO") > names.count("WITH_EXCEPT_START")


def _line(entries: Iterable[tuple[Any, int]]) -> str:
    """The innermost line of a person's own, and its text where that can be had."""
    for code, line in entries:
        file = code.co_filename
        if is_a_persons(file):
            text = linecache.getline(file, line).strip()
            shown = f": {text[:LONGEST_LINE]}" if text else ""
            where = "its notebook cell" if any(mark in file for mark in NOTEBOOKS) else PurePath(file).name
            return f"in {code.co_qualname}, {where}, line {line}{shown}"
    return ""


@functools.lru_cache(maxsize=8192)
def is_a_persons(file: str) -> bool:
    """Whether a file is neither ours nor a library's."""
    if any(mark in file for mark in NOTEBOOKS):
        return True
    if file.startswith("<") and not file.startswith(("<stdin", "<string")):
        return False
    real = os.path.realpath(file) if PurePath(file).is_absolute() else file
    return not real.startswith((*OURS, *LIBRARIES))
