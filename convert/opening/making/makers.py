"""Owns what a file may call while it opens: a table of reconstructors, each of which checks its arguments.

Nothing else is ever called: no estimator, no function that a model carries, no method. Knows no file formats.
"""

from __future__ import annotations

import functools
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.utils.validation import check_array

from convert.opening.inert import Absent, Inert
from convert.opening.making import arrays, frames, natives, tables
from convert.opening.plain import is_key, is_scalar, is_whole
from convert.opening.refusal import hostile

LONGEST_RANGE = 1 << 20
FACTORIES = frozenset((bool, dict, float, int, list, set, str, tuple, OrderedDict))

Make = Callable[[tuple[Any, ...]], Any]
Fill = Callable[[Any, Any], None]


class Maker:
    """A reconstructor as a value in the file. It cannot be called by anything but `Builder.call`."""

    __slots__ = ("fill", "full", "make")

    def __init__(self, full: str, make: Make, fill: Fill | None = None) -> None:
        self.full, self.make, self.fill = full, make, fill


def _only(arguments: tuple[Any, ...], kinds: tuple[type, ...], most: int) -> tuple[Any, ...]:
    if len(arguments) > most or any(type(argument) not in kinds for argument in arguments):
        raise hostile("the file builds a plain value of something else")
    return arguments


def _encoded(arguments: tuple[Any, ...]) -> bytes:
    text, encoding = _only(arguments, (str,), 2)
    if encoding not in ("latin1", "latin-1"):
        raise hostile(f"the file encodes text as {encoding[:20]!r}")
    return str(text).encode("latin1")


def _bytes(arguments: tuple[Any, ...]) -> bytes:
    return _encoded(arguments) if len(arguments) == 2 else bytes(*_only(arguments, (bytes,), 1))


def _bytearray(arguments: tuple[Any, ...]) -> bytearray:
    if len(arguments) == 1 and is_whole(arguments[0]):
        return bytearray(arguments[0])  # zeros, as many as the memory limit of the process has room for
    return bytearray(_bytes(arguments))


def _set(kind: Callable[..., Any]) -> Make:
    def make(arguments: tuple[Any, ...]) -> Any:
        members = _only(arguments, (list,), 1)
        if any(not is_key(member) for member in members[0] if members):
            raise hostile("a set in the file holds something else than values")
        return kind(*members)

    return make


def _slice(arguments: tuple[Any, ...]) -> slice:
    return slice(*_only(arguments, (int, str, type(None)), 3))


def _range(arguments: tuple[Any, ...]) -> range:
    made = range(*_only(arguments, (int,), 3))
    if len(made) > LONGEST_RANGE:
        raise hostile("a range in the file has more than a million numbers")
    return made


def _ordered(arguments: tuple[Any, ...]) -> OrderedDict[Any, Any]:
    pairs = _only(arguments, (list,), 1)[0] if arguments else []
    if any(type(pair) not in (list, tuple) or len(pair) != 2 or not is_key(pair[0]) for pair in pairs):
        raise hostile("a dict in the file has a key that is no value")
    return OrderedDict(pairs)


def _defaultdict(arguments: tuple[Any, ...]) -> defaultdict[Any, Any]:
    factory = arguments[0] if arguments else None
    if len(arguments) > 1 or not (factory is None or (isinstance(factory, type) and factory in FACTORIES)):
        raise hostile("a dict in the file makes its values by a call")
    return defaultdict(factory)


def _partial(arguments: tuple[Any, ...]) -> Any:
    if len(arguments) == 1 and isinstance(arguments[0], Inert):
        return arguments[0]
    if len(arguments) != 1 or arguments[0] is not check_array:
        raise hostile("the file prepares a call of a function, as functools.partial does")
    return functools.partial(check_array)


def _fill_partial(made: functools.partial[Any], state: Any) -> None:
    """What scikit-learn's gradient boosting by histograms holds: a check of numbers with plain keywords."""
    usable = type(state) is tuple and len(state) == 4 and state[0] is check_array and type(state[1]) is tuple
    usable = usable and not state[1] and (state[3] is None or (type(state[3]) is dict and not state[3]))
    keywords = state[2] or {} if usable else None
    if type(keywords) is not dict or not all(
        type(key) is str and all(map(_is_setting, given if type(given) in (list, tuple) else [given]))
        for key, given in keywords.items()
    ):
        raise hostile("the file prepares a call with arguments that are no plain values")
    # copies of lists, as the file may still put other things into its own
    kept = {key: list(given) if type(given) is list else given for key, given in keywords.items()}
    made.__setstate__((check_array, (), kept, None))  # type: ignore[attr-defined]


OF_TEXTS = {"lower": str.lower, "split": str.split}


def _attribute(arguments: tuple[Any, ...]) -> Any:
    """``str.split`` and ``str.lower``, by which people read texts; of what does nothing, as scipy's distributions hold,
    nothing."""
    if len(arguments) == 2 and arguments[0] is str and type(arguments[1]) is str and arguments[1] in OF_TEXTS:
        return OF_TEXTS[arguments[1]]
    stand_in = arguments[0] if len(arguments) == 2 else None
    return stand_in if isinstance(stand_in, Inert) else Absent("builtins.getattr")


def _is_setting(value: Any) -> bool:
    return is_scalar(value) or (isinstance(value, type) and issubclass(value, np.generic))


MAKERS: dict[str, tuple[Make, Fill | None]] = {
    "_codecs.encode": (_encoded, None),
    "builtins.bytearray": (_bytearray, None),
    "builtins.bytes": (_bytes, None),
    "builtins.complex": (lambda arguments: complex(*_only(arguments, (int, float), 2)), None),
    "builtins.frozenset": (_set(frozenset), None),
    "builtins.getattr": (_attribute, None),
    "builtins.range": (_range, None),
    "builtins.set": (_set(set), None),
    "builtins.slice": (_slice, None),
    "collections.OrderedDict": (_ordered, None),
    "collections.defaultdict": (_defaultdict, None),
    "functools.partial": (_partial, _fill_partial),
    "numpy.dtype": (arrays.make_dtype, arrays.fill_dtype),
    "numpy._core.multiarray._reconstruct": (arrays.make_empty, arrays.fill_array),
    "numpy._core.multiarray.scalar": (arrays.make_scalar, None),
    "numpy._core.numeric._frombuffer": (arrays.make_from_buffer, None),
    "numpy.core.multiarray._reconstruct": (arrays.make_empty, arrays.fill_array),
    "numpy.core.multiarray.scalar": (arrays.make_scalar, None),
    "numpy.core.numeric._frombuffer": (arrays.make_from_buffer, None),
    "pandas._libs.internals._unpickle_block": (frames.make_block, None),
    "pandas.core.internals.managers.BlockManager": (frames.make_manager, None),
    "pandas._libs.arrays.__pyx_unpickle_NDArrayBacked": (tables.make_strings, tables.fill_strings),
    "pandas.core.indexes.base._new_Index": (tables.make_index, None),
    "sklearn.impute._iterative._ImputerTriplet": (tables.make_imputer_step, None),
    "sklearn.metrics._dist_metrics.newObj": (natives.make_metric, natives.fill_metric),
    "sklearn.neighbors._ball_tree.newObj": (natives.make_neighbours, natives.fill_neighbours),
    "sklearn.neighbors._kd_tree.newObj": (natives.make_neighbours, natives.fill_neighbours),
    "sklearn.tree._tree.Tree": (natives.make_tree, natives.fill_tree),
}
