"""Owns what own code may not ask for while it is recorded: the time, random numbers, the system, files.

What it would get then would stand in the graph for ever. Libraries that ask meanwhile are answered as ever.
"""

from __future__ import annotations

import datetime
import functools
import getpass
import os
import platform
import random
import secrets
import socket
import sys
import time
import uuid
import warnings
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import PurePath
from types import CodeType, FrameType
from typing import Any

import numpy as np
import pandas as pd

from convert.tracing.library_functions import Pair, Shim, takes_stand_in
from convert.tracing.recorder.refusals import OURS, asked_by_a_person, is_a_persons, refuse
from convert.tracing.standins.dates.reading import to_datetime

CLOCKS = tuple(
    getattr(time, name)
    for name in (
        "asctime", "clock_gettime", "clock_gettime_ns", "ctime", "gmtime", "localtime", "monotonic", "monotonic_ns",
        "perf_counter", "perf_counter_ns", "process_time", "process_time_ns", "strftime", "thread_time",
        "thread_time_ns", "time", "time_ns",
    )
    if hasattr(time, name)
)  # fmt: skip
ENVIRONMENT, GETTER = (vars(os)[name] for name in ("environ", "getenv"))  # named, not read
SYSTEM = (
    GETTER, os.cpu_count, os.getcwd, os.getlogin, os.getpid, os.getppid, os.uname, platform.machine, platform.node,
    platform.platform, platform.system, getpass.getuser, socket.gethostname, socket.getfqdn,
)  # fmt: skip
DRAWING = (os.urandom, secrets.choice, secrets.randbelow, secrets.randbits, secrets.token_hex, uuid.uuid1, uuid.uuid4)
SEEDED = (np.random.RandomState, np.random.Generator, random.Random, random.SystemRandom)
STRICT = (np.errstate, np.seterr, warnings.simplefilter, warnings.filterwarnings)
NOW = frozenset(("now", "today", "utcnow"))
PRESENT = "it asks for the time, which would stand still in a graph"
TIMELESS = "hand it over as a column, or keep the moment of training in fit"
KEPT = "read it in fit, or before, and keep what is needed as an attribute or a constant"
LOADING = ("<frozen importlib", "<frozen zipimport")
SHOWING = frozenset(("linecache.py", "tokenize.py", "traceback.py", "warnings.py"))  # they read lines of code
OUTSIDE = ("open", "os.listdir", "os.scandir", "os.stat", "glob.", "sqlite3.", "socket.", "subprocess.", "os.system")
KERNELS = ("/sys/", "/proc/")  # where libraries look how many processors there are
OWN_MOMENTS = pd.to_datetime

_RECORDING: ContextVar[bool] = ContextVar("recording", default=False)


def replacements() -> Iterator[Pair]:
    """Each function or class that is replaced, and what refuses in its place."""
    for own in CLOCKS:
        yield own, _asking(own, PRESENT, TIMELESS)
    for own in (datetime.datetime, datetime.date, pd.Timestamp, pd.Period):
        yield own, _calendar(own)
    yield OWN_MOMENTS, _moment_of
    for own in SYSTEM:
        yield (
            own,
            _asking(own, f"it asks for the system it runs on ({own.__name__}), which a graph does not know", KEPT),
        )
    yield ENVIRONMENT, _Environment(ENVIRONMENT)
    for module in (np.random, random):
        drawing = [thing for name, thing in vars(module).items() if not name.startswith("_") and callable(thing)]
        yield from ((thing, _refusing(thing)) for thing in drawing if not isinstance(thing, type))
    yield from ((own, _asking(own, *_drawn(own))) for own in DRAWING)
    yield from ((own, _seeded(own)) for own in SEEDED)
    yield from ((own, _strict(own)) for own in STRICT)


def _drawn(own: Any) -> tuple[str, str]:
    name = getattr(own, "__name__", own)
    return f"it draws random numbers ({name}), so that no two answers are the same", "draw them in fit and keep them"


def _refusing(own: Any) -> Callable[..., Any]:
    def call(*_: Any, **__: Any) -> Any:
        raise refuse(*_drawn(own))

    return call


def _asking(own: Any, what: str, helps: str) -> Callable[..., Any]:
    """Of a person's code alone: others work meanwhile."""

    @functools.wraps(own, updated=())
    def call(*args: Any, **keywords: Any) -> Any:
        if asked_by_a_person(1):
            raise refuse(what, helps)
        return own(*args, **keywords)

    return call


class _Calendar(Shim):
    """Stands for a class of moments: of those that are named, not of the present one."""

    def __call__(cls, *args: Any, **keywords: Any) -> Any:  # noqa: N805  a class of classes
        if any(isinstance(value, str) and value in NOW for value in args[:1]):
            raise refuse(PRESENT, TIMELESS)
        return super().__call__(*args, **keywords)


def _calendar(own: Any) -> Any:
    def made(*args: Any, **_: Any) -> Any:
        raise refuse(f"{own.__name__} of rows is not recorded", "make numbers of it before the model")

    present = {name: staticmethod(_asking(getattr(own, name), PRESENT, TIMELESS)) for name in NOW if hasattr(own, name)}
    return _Calendar(own.__name__, (), {"own": own, "ours": staticmethod(made), **present})


def _moment_of(value: Any = None, *args: Any, **keywords: Any) -> Any:
    """pandas.to_datetime: "now" is a moment that passes, and rows hold none."""
    if isinstance(value, str) and value in NOW:
        raise refuse(PRESENT, TIMELESS)
    moments = to_datetime if takes_stand_in([value, *args]) else OWN_MOMENTS
    return moments(value, *args, **keywords)


class _Seeded(Shim):
    """Stands for a class of generators, which is the same each time if it has a seed."""

    def __call__(cls, *args: Any, **keywords: Any) -> Any:  # noqa: N805  a class of classes
        if asked_by_a_person(1) and all(seed is None for seed in (*args, *keywords.values())):
            raise refuse(*_drawn(cls.own))
        return cls.own(*args, **keywords)


def _seeded(own: Any) -> Any:
    return _Seeded(own.__name__, (), {"own": own, "ours": own})


def _strict(own: Any) -> Callable[..., Any]:
    """What makes errors of warnings, which sample rows do not show and no graph raises."""

    @functools.wraps(own, updated=())
    def call(*args: Any, **keywords: Any) -> Any:
        if asked_by_a_person(1) and {"raise", "call", "error"} & {*map(str, args), *map(str, keywords.values())}:
            raise refuse(
                f"{own.__name__} makes errors of what numbers do in some rows, which no graph raises",
                "decide by the value before: np.where(x == 0, 1, x)",
            )
        return own(*args, **keywords)

    return call


class _Environment(MutableMapping[str, str]):
    """Stands for the environment."""

    def __init__(self, own: Any) -> None:
        self._own = own

    def _asked(self) -> Any:
        frame: FrameType | None = sys._getframe(2)
        while frame is not None and frame.f_code.co_filename.startswith("<frozen _collections_abc"):
            frame = frame.f_back  # get, in and the like
        if frame is not None and is_a_persons(frame.f_code.co_filename):
            raise refuse("it asks for the environment, which a graph does not know", KEPT)
        return self._own

    def __getitem__(self, name: str) -> str:
        return str(self._asked()[name])

    def __setitem__(self, name: str, value: str) -> None:
        self._asked()[name] = value

    def __delitem__(self, name: str) -> None:
        del self._asked()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._asked())

    def __len__(self) -> int:
        return len(self._asked())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)


def refuse_moments_of(code: CodeType) -> None:
    """numpy's own moments cannot be replaced, as pandas asks for their class: what the code says is looked at."""
    if "datetime64" in code.co_names and NOW & {value for value in code.co_consts if isinstance(value, str)}:
        raise refuse(f"{code.co_qualname}: {PRESENT}", TIMELESS)
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            refuse_moments_of(inner)


@contextmanager
def without_files() -> Iterator[None]:
    """Within the block a person's code opens and lists no file, and starts and reaches nothing."""
    _watch()
    token = _RECORDING.set(True)
    try:
        yield
    finally:
        _RECORDING.reset(token)


@functools.lru_cache(maxsize=1)
def _watch() -> None:
    """Once: nothing takes it away again."""
    sys.addaudithook(_heard)


def _heard(event: str, arguments: Any) -> None:
    if not event.startswith(OUTSIDE) or not _RECORDING.get() or str(arguments[:1])[2:].startswith(KERNELS):
        return
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith((*LOADING, *OURS)) or PurePath(file).name in SHOWING:
            return
        if is_a_persons(file):
            told = f" ({str(arguments[0])[:80]})" if arguments else ""
            raise refuse(f"it reads or writes a file or asks the system{told}", KEPT)
        frame = frame.f_back
