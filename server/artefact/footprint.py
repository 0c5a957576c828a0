"""Owns what a file takes of memory, reckoned from its size and its operators, and what Heroku's dynos have. Pure.

ONNX Runtime holds numbers of attributes in 8 bytes each, where the file has one to three, and texts as objects; what it
makes of them while it opens a file comes on top. Weights it shares or copies as they are.
docs/decisions.md: "What a file takes, by its kind", "Trees take memory by their largest node".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

MIB = 1 << 20
ONCE_BYTES = 8 * MIB  # of the smallest file, while it is opened
# Bytes for one of the file: while it is served, and at most while it is opened.
OTHERS = (2, 4)
TEXTS = (13, 18)
PER_BYTE: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "TreeEnsemble": (8, 10),
        **dict.fromkeys(("TreeEnsembleClassifier", "TreeEnsembleRegressor"), (8, 18)),
        **dict.fromkeys(("CategoryMapper", "LabelEncoder", "OneHotEncoder", "TfIdfVectorizer"), TEXTS),
    }
)
# Of a file with trees, for one byte of its largest node besides: while ONNX Runtime makes that node it holds it twice.
TREES, PER_BYTE_OF_NODE = "TreeEnsemble", 25
DYNO_BYTES: Mapping[str, int] = MappingProxyType(
    {
        **dict.fromkeys(("eco", "basic", "standard-1x"), 512 * MIB),
        "standard-2x": 1024 * MIB,
        "performance-m": 2560 * MIB,
        "performance-l": 14 * 1024 * MIB,
        "performance-l-ram": 30 * 1024 * MIB,
        "performance-xl": 62 * 1024 * MIB,
        "performance-2xl": 126 * 1024 * MIB,
    }
)


class Footprint(NamedTuple):
    """Bytes of memory: while it is served, and at most while it is opened."""

    served: int = 0
    opening: int = 0


def footprint_of(size: int, operators: Collection[tuple[str, str]], largest_node: int) -> Footprint:
    """What a file of ``size`` bytes with these operators (domain, name) takes at most, its largest node of so many."""
    factors = [OTHERS, *(PER_BYTE[name] for _, name in operators if name in PER_BYTE)]
    served, opening = (size * max(column) for column in zip(*factors, strict=True))
    if any(name == TREES for _, name in operators):
        opening += PER_BYTE_OF_NODE * largest_node
    return Footprint(served, opening + ONCE_BYTES)


def footprint_of_all(files: Iterable[Footprint]) -> Footprint:
    """What files take that are opened one after the other."""
    each = list(files)
    served = sum(file.served for file in each)
    return Footprint(served, served + max((file.opening - file.served for file in each), default=0))
