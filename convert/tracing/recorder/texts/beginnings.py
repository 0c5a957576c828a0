"""Owns with which characters what a regular expression matches begins and ends. Knows nothing of tensors or of RE2.

Only what can be told for certain counts: anything else may begin with any character.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

kinds: Any = import_module("re._constants")  # of which typeshed has nothing
parser: Any = import_module("re._parser")

Characters = frozenset[str]
CATEGORIES: dict[Any, Callable[[str], bool]] = {
    kinds.CATEGORY_DIGIT: str.isdecimal,
    kinds.CATEGORY_SPACE: str.isspace,
    kinds.CATEGORY_WORD: lambda c: c.isalnum() or c == "_",
}
MOST_RANGE = 1000  # characters
SINGLE = (kinds.LITERAL, kinds.NOT_LITERAL, kinds.IN, kinds.ANY)
REPEATS = (kinds.MAX_REPEAT, kinds.MIN_REPEAT)


def begin_apart(pattern: str) -> bool:
    """Whether an expression has one choice, of whose ways at most one can be gone, as they begin otherwise.

    What stands before the choice must be so many characters: where it may be more, ways overlap that begin apart.
    """
    parsed = list(parser.parse(pattern))
    at = next((at for at, (kind, _) in enumerate(parsed) if kind not in SINGLE), len(parsed))
    choices = _choices(parsed)
    if len(choices) != 1 or choices != _choices(parsed[at : at + 1]):
        return False
    return (parsed[at][0] is kinds.BRANCH or _is_only_a_choice(parsed[at])) and _are_apart(choices[0])


def _is_only_a_choice(part: Any) -> bool:
    kind, told = part
    return bool(kind is kinds.SUBPATTERN and len(told[-1]) == 1 and told[-1][0][0] is kinds.BRANCH)


def has_words_at_both_ends(pattern: str) -> bool:
    """Whether whatever an expression matches begins and ends with a letter, a digit or ``_``."""
    parsed = parser.parse(pattern)
    return all(_is_of_words(_edge(list(parsed), at)) for at in (0, -1))


def is_one(pattern: str) -> bool:
    """Whether what stands beside an expression is beside all of it: it is no choice, unless within a group."""
    depth = 0
    for c in re.sub(r"\\.|\[(?:[^\]\\]|\\.)*\]", "a", pattern):
        depth += (c == "(") - (c == ")")
        if c == "|" and depth == 0:
            return False
    return True


def _choices(parsed: Any) -> list[Sequence[Any]]:
    found: list[Sequence[Any]] = []
    for kind, told in parsed:
        if kind is kinds.BRANCH:
            found.append(told[1])
            found += [inner for way in told[1] for inner in _choices(way)]
        elif kind is kinds.SUBPATTERN or kind in REPEATS:
            found += _choices(told[-1])
    return found


def _are_apart(ways: Sequence[Any]) -> bool:
    edges = [_edge(list(way), 0) for way in ways]
    return all(
        one is not None and other is not None and not _meet(one, other)
        for one, other in itertools.combinations(edges, 2)
    )


Edge = tuple[Characters, tuple[Any, ...]]  # characters, and categories of such


def _edge(parsed: Sequence[Any], at: int) -> Edge | None:
    """What the first (``at`` 0) or last (-1) character may be; None where that is not known, or there may be none."""
    if not parsed:
        return None
    kind, told = parsed[at]
    if kind is kinds.LITERAL:
        return frozenset(chr(told)), ()
    if kind is kinds.IN:
        return _members(told)
    if kind is kinds.SUBPATTERN:
        return _edge(list(told[-1]), at)
    if kind in REPEATS and told[0] > 0:
        return _edge(list(told[-1]), at)
    if kind in REPEATS and kind is kinds.MAX_REPEAT:  # it may be left out: then what is beside it
        inner = _edge(list(told[-1]), at)
        beside = _edge(parsed[1:] if at == 0 else parsed[:-1], at)
        return None if inner is None or beside is None else _joined([inner, beside])
    if kind is kinds.BRANCH:
        inners = [_edge(list(way), at) for way in told[1]]
        return None if any(inner is None for inner in inners) else _joined([edge for edge in inners if edge])
    return None


def _joined(edges: Sequence[Edge]) -> Edge:
    return frozenset().union(*(edge[0] for edge in edges)), tuple(kind for edge in edges for kind in edge[1])


def _members(told: Any) -> Edge | None:
    characters: set[str] = set()
    categories: list[Any] = []
    for kind, value in told:
        if kind is kinds.LITERAL:
            characters.add(chr(value))
        elif kind is kinds.RANGE and value[1] - value[0] < MOST_RANGE:
            characters.update(map(chr, range(value[0], value[1] + 1)))
        elif kind is kinds.CATEGORY and value in CATEGORIES:
            categories.append(value)
        else:
            return None
    return frozenset(characters), tuple(categories)


def _meet(one: Edge, other: Edge) -> bool:
    if one[0] & other[0] or (one[1] and other[1]):
        return True
    return any(
        CATEGORIES[kind](c) for mine, theirs in ((one, other), (other, one)) for kind in mine[1] for c in theirs[0]
    )


def _is_of_words(edge: Edge | None) -> bool:
    word = CATEGORIES[kinds.CATEGORY_WORD]
    return edge is not None and all(map(word, edge[0])) and kinds.CATEGORY_SPACE not in edge[1]
