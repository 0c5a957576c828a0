"""Owns what plain data is: values without methods of anybody's own. Knows nothing of files or models."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from typing import Any

import numpy as np

SCALARS = frozenset((type(None), bool, int, float, complex, str, bytes))
SEQUENCES = frozenset((list, tuple, set, frozenset))
MAPPINGS = frozenset((dict, OrderedDict, defaultdict))


def is_scalar(value: Any) -> bool:
    """One value of Python or numpy."""
    return type(value) in SCALARS or isinstance(value, np.generic)


def is_key(value: Any) -> bool:
    """What may be a key: its hash and its equality are Python's own."""
    return is_scalar(value) or (type(value) is tuple and all(is_key(part) for part in value))


def is_plain(value: Any) -> bool:
    """Whether there is nothing but data in it, however deep."""
    waiting, seen = [value], {id(value): value}
    while waiting:
        at = waiting.pop()
        inside: list[Any] = []
        if type(at) in SEQUENCES:
            inside = list(at)
        elif type(at) in MAPPINGS:
            inside = [*at.keys(), *at.values()]
        elif type(at) is np.ndarray:
            inside = at.ravel().tolist() if at.dtype.hasobject else []
        elif not (is_scalar(at) or type(at) is bytearray):
            return False
        for part in inside:
            if type(part) not in SCALARS and id(part) not in seen:
                seen[id(part)] = part
                waiting.append(part)
    return True


def is_whole(value: Any, least: int = 0) -> bool:
    """Whether this is an int, no bool, not below ``least``."""
    return type(value) is int and value >= least
