"""Owns where a person's code finds other functions than its own while it is recorded, and that they are put back.

They are replaced where that code looks for them: in the libraries' own namespaces, and in the globals of its functions.
Knows nothing of what stands in their place.
"""

from __future__ import annotations

import datetime
import functools
import getpass
import math
import os
import platform
import random
import re
import secrets
import socket
import sys
import time
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import pandas as pd
import sklearn.metrics.pairwise
import sklearn.utils
import sklearn.utils.validation

from convert.tracing import library_functions, surroundings
from convert.tracing.library_functions import Compiled
from convert.tracing.recorder.refusals import is_a_persons
from convert.tracing.silenced import silenced

NAMESPACES: tuple[ModuleType, ...] = (
    np, pd, math, random, re, np.random, time, datetime, sklearn.metrics, sklearn.metrics.pairwise, sklearn.utils,
    sklearn.utils.validation, os, platform, getpass, secrets, socket, uuid, warnings,
)  # fmt: skip


@contextmanager
def in_place(*functions: Any) -> Iterator[None]:
    """Within the block these functions, and those that they call by name, find what records."""
    pairs = [*library_functions.replacements(), *surroundings.replacements()]
    replaced = {id(own): (own, ours) for own, ours in pairs}
    builtins, libraries = library_functions.builtins(), {id(vars(module)) for module in NAMESPACES}
    changed: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = []
    for function in _run_by(functions):
        surroundings.refuse_moments_of(function.__code__)
    everywhere, reached = reached_by(functions)
    try:
        for names in [*map(vars, NAMESPACES), *everywhere]:
            own = id(names) not in libraries
            replaced |= {id(value): (value, Compiled(value)) for value in _expressions(names) if own}
            before = {name: value for name, value in names.items() if id(value) in replaced}
            new = [] if not own else [name for name in builtins if name not in names]
            changed.append((names, before, new))
            names.update({name: replaced[id(value)][1] for name, value in before.items()})
            names.update({name: builtins[name] for name in new})
        with silenced(reached):
            yield
    finally:
        for names, before, new in changed:
            names.update(before)
            for name in new:
                names.pop(name, None)


def _expressions(names: dict[str, Any]) -> list[re.Pattern[str]]:
    return [value for value in names.values() if type(value) is re.Pattern]


def modules_of_a_person() -> list[ModuleType]:
    """Those in this process."""
    return [module for module in list(sys.modules.values()) if is_of_a_person(module)]


def is_of_a_person(module: ModuleType) -> bool:
    """Whether a module is neither ours nor a library's."""
    return is_a_persons(getattr(module, "__file__", None) or "<")


def globals_of(functions: Any) -> list[dict[str, Any]]:
    """The globals of a person's functions, and of those that stand among them or in their closures."""
    return reached_by(functions)[0]


def reached_by(functions: Any) -> tuple[list[dict[str, Any]], list[FunctionType]]:
    """The globals of a person's functions, and of those that stand among them or in their closures; and all of these
    functions."""
    found: dict[int, dict[str, Any]] = {}
    met: list[FunctionType] = []
    seen: set[int] = set()
    waiting = [*functions, *map(vars, modules_of_a_person())]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, functools.partial):
            waiting.append(thing.func)
        elif isinstance(thing, type):
            waiting += [value for kind in thing.__mro__ if is_a_persons_class(kind) for value in vars(kind).values()]
        elif isinstance(thing, staticmethod | classmethod):
            waiting.append(thing.__func__)
        elif isinstance(thing, property):
            waiting.append(thing.fget)
        elif isinstance(thing, dict) and thing.keys() & {"__name__", "__builtins__"}:  # not one that a person keeps
            found[id(thing)] = thing
            waiting += [
                value
                for value in list(thing.values())
                if isinstance(value, FunctionType | type | functools.partial)
                and (not isinstance(value, type) or is_a_persons_class(value))
            ]
        elif hasattr(thing, "__func__"):
            waiting.append(thing.__func__)
        elif isinstance(thing, FunctionType) and is_a_persons(thing.__code__.co_filename):
            met.append(thing)
            waiting.append(thing.__globals__)
            waiting += [cell.cell_contents for cell in thing.__closure__ or () if _filled(cell)]
            waiting += [getattr(thing, "__wrapped__", None)]
        elif isinstance(thing, FunctionType) and hasattr(thing, "__wrapped__"):
            waiting.append(thing.__wrapped__)
    return list(found.values()), met


def _run_by(functions: Any) -> Iterator[FunctionType]:
    """The functions of a person's that these are, have or name."""
    seen: set[int] = set()
    waiting = list(functions)
    while waiting:
        thing = getattr(waiting[-1], "func", None) or getattr(waiting[-1], "__func__", waiting[-1])
        waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, type) and is_a_persons_class(thing):
            waiting += vars(thing).values()
        elif isinstance(thing, FunctionType) and is_a_persons(thing.__code__.co_filename):
            yield thing
            waiting += [thing.__globals__[name] for name in thing.__code__.co_names if name in thing.__globals__]
            waiting += [cell.cell_contents for cell in thing.__closure__ or () if _filled(cell)]


def _filled(cell: Any) -> bool:
    try:
        value = cell.cell_contents
    except ValueError:
        return False
    return isinstance(value, FunctionType | type | functools.partial)


def is_a_persons_class(kind: type) -> bool:
    """Whether a class is of a person's own code, not a library's."""
    module = sys.modules.get(kind.__module__)
    file = getattr(module, "__file__", None)
    return kind.__module__ == "__main__" or module is None or (file is not None and is_a_persons(file))
