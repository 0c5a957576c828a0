"""Owns how a function of one value looks it up in sets and dicts: by keys of one hash, so that each is compared.

A set asks for a hash before it compares, and a value that stands for every row has none. In a copy of the function all
texts and numbers that it may look up have the hash that the value has, too. Knows no stand-ins.
"""

from __future__ import annotations

import copy
import dis
import functools
from collections import defaultdict
from collections.abc import Mapping
from types import CellType, CodeType, FunctionType, MethodType
from typing import Any

import pandas as pd

from convert.tracing.recorder.refusals import is_a_persons, refuse

HASH = 0x6B657973
ADDING = frozenset(("MAP_ADD", "SET_ADD"))  # in a loop; long dicts of constants are made by them, too
OUTSIDE = "make it outside of the function, or keep it as self.something_ in fit"
SERIES, INDEX = pd.Series, pd.Index  # themselves: while code is recorded, pandas' names stand for others
DEEPEST = 3  # dicts in dicts in attributes


class NeedsKeys(Exception):
    """A function of one value looks it up, or makes a text or number of it: it is to be run as `keyed` copies it."""


class _One:
    """Equal as ever, of the one hash."""

    __slots__ = ()

    def __hash__(self) -> int:
        return HASH

    def __eq__(self, other: Any) -> Any:
        own = plain(self)
        return own == (plain(other) if type(other) in KINDS.values() else other)

    def __ne__(self, other: Any) -> Any:
        return not self == other


class Text(_One, str):
    """A text to look a value up by."""


class Whole(_One, int):
    """A whole number to look a value up by."""


class Real(_One, float):
    """Another number to look a value up by."""


KINDS: dict[type, Any] = {str: Text, int: Whole, float: Real}
_PLAIN = {Text: str.__str__, Whole: int.__int__, Real: float.__float__}


class _Defaults(dict[Any, Any]):
    """A defaultdict that keeps nothing of what it is asked."""

    def __init__(self, factory: Any) -> None:
        super().__init__()
        self._factory = factory

    def __missing__(self, key: Any) -> Any:
        if self._factory is None:
            raise KeyError(key)
        return self._factory()


def plain(value: Any) -> Any:
    """A key as the text or number that it is; anything else is itself."""
    make = _PLAIN.get(type(value))
    return value if make is None else make(value)


def keyed(function: Any) -> Any:
    """A copy of a function whose constants, and the sets and dicts that it finds by name, hold such keys."""
    if isinstance(function, functools.partial):
        return functools.partial(keyed(function.func), *function.args, **function.keywords)
    if isinstance(function, MethodType):
        return MethodType(keyed(function.__func__), _value(function.__self__, DEEPEST))
    if not isinstance(function, FunctionType):
        return function
    names = {name: _global(name, value) for name, value in function.__globals__.items()}
    names = {name: value if type(value) not in _PLAIN else plain(value) for name, value in names.items()}
    names = {name: own for name, own in TYPES.items() if name not in names} | names
    made = FunctionType(
        _code(function.__code__),
        names,
        function.__name__,
        tuple(_value(value, DEEPEST) for value in function.__defaults__ or ()) or None,
        tuple(map(_closed, function.__closure__ or ())) or None,
    )
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def _global(name: str, value: Any) -> Any:
    """Python's own functions stand in a dict of their own there, which Python itself looks up."""
    return value if name == "__builtins__" else _value(value, DEEPEST)


def _closed(cell: CellType) -> CellType:
    try:
        return CellType(_value(cell.cell_contents, DEEPEST))
    except ValueError:  # nothing is in it yet
        return cell


def _code(code: CodeType) -> CodeType:
    does = {instruction.opname for instruction in dis.get_instructions(code)}
    if "STORE_SUBSCR" in does or ("FOR_ITER" in does and does & ADDING):  # keys may be computed: not compared with
        raise refuse("a function of one value makes the set or dict itself that it looks it up in", OUTSIDE)
    return code.replace(co_consts=tuple(_constant(value, False) for value in code.co_consts))


def _constant(value: Any, inside: bool) -> Any:
    """Numbers only where several stand together: alone they are computed with."""
    if isinstance(value, CodeType):
        return _code(value)
    if type(value) in (tuple, frozenset):
        return type(value)(_constant(item, True) for item in value)
    return _key(value) if inside or type(value) is str else value


def _key(value: Any) -> Any:
    if type(value) is tuple:
        return tuple(map(_key, value))
    make = KINDS.get(type(value))
    return value if make is None else make(value)


def _value(value: Any, depth: int) -> Any:
    """What a function finds by a name: a set or dict with such keys, an object that holds some, a text."""
    if type(value) is str:
        return Text(value)
    if not depth:
        return value
    if isinstance(value, set | frozenset):
        return type(value)(map(_key, value))
    if type(value) is SERIES and value.index.is_unique:
        return {_key(name): item for name, item in value.to_dict().items()}
    if type(value) is INDEX:
        return [*value]
    if isinstance(value, dict):
        made = _Defaults(value.default_factory) if type(value) is defaultdict else copy.copy(value)
        made.clear()
        made.update({_key(name): _inner(item, depth) for name, item in value.items()})
        return made
    kind = type(value)
    if hasattr(value, "__dict__") and _is_a_persons_class(kind):
        made = object.__new__(kind)
        vars(made).update({name: _inner(item, depth) for name, item in vars(value).items()})
        return made
    return value


def _inner(value: Any, depth: int) -> Any:
    """What a dict or an object holds: texts there are answers as well."""
    return value if type(value) is str else _value(value, depth - 1)


def _is_a_persons_class(kind: type) -> bool:
    """Whether its methods are a person's code."""
    codes = [value.__code__ for value in vars(kind).values() if isinstance(value, FunctionType)]
    return any(is_a_persons(code.co_filename) for code in codes)


class _Type(type):
    """Stands for str, int or float: one value of every row becomes such by a method of its own."""

    own: Any
    method: str

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, cls.own)

    def __call__(cls, *args: Any, **keywords: Any) -> Any:
        if len(args) == 1 and hasattr(type(args[0]), cls.method):
            return getattr(args[0], cls.method)()
        return cls.own(*args, **keywords)

    def __getattr__(cls, name: str) -> Any:
        return getattr(cls.own, name)

    def __eq__(cls, other: Any) -> bool:
        return other is cls or other is cls.own

    def __hash__(cls) -> int:
        return hash(cls.own)


TYPES: Mapping[str, Any] = {
    own.__name__: _Type(own.__name__, (), {"own": own, "method": method})
    for own, method in ((str, "as_text"), (int, "as_whole"), (float, "as_real"))
}
