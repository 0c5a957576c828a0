"""Owns the pieces of texts as nodes: at a place, between separators, by the group of an expression."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from convert.exporters.parts.text.patterns import SPACES
from convert.graph.graph import MICROSOFT, Tensor
from convert.tracing.recorder import elements
from convert.tracing.recorder.texts.expressions import SPECIAL
from convert.tracing.recorder.texts.samples import matching
from convert.tracing.recorder.texts.texts import (
    ANYTHING,
    PADDING,
    first_match,
    found_at,
    literal,
    matches,
    put_together,
    replaced,
)
from server.artefact.metadata import MISSING_TEXT

MOST_BEHIND = 1000  # characters, as RE2 repeats no more
SEPARATOR = "\ufdd2"  # stands for one of several characters; a noncharacter


def piece(x: Tensor, key: Any) -> Tensor:
    """The character at a place, or a slice from the start; missing where there is none. Raises NoNode for others."""
    if isinstance(key, slice) and key.step in (None, 1) and key.start in (None, 0) and (key.stop or -1) > 0:
        return first_match(x, f"(?s:.){{1,{key.stop}}}")
    if key == 0 and not isinstance(key, slice):
        return first_match(x, "(?s:.)", None)
    if isinstance(key, int) and key >= -1:
        return first_match(x, "(?s:.)$", None) if key < 0 else found_at(x, "(?s:.)", key, None)
    if isinstance(key, slice) and key.step in (None, 1) and key.stop is None and -MOST_BEHIND < key.start < 0:
        return first_match(x, f"(?s:.){{1,{-key.start}}}$")
    if isinstance(key, slice) and key.step in (None, 1) and key.start > 0 and (key.stop is None or key.stop > 0):
        return _between(x, key.start, key.stop)
    raise elements.NoNode(f"the piece {key!r} of texts")


def _between(x: Tensor, start: int, stop: int | None) -> Tensor:
    """The characters from a place on."""
    graph, padding = x.graph, np.array("", object)
    split = {"mark": 0, "mincharnum": 1, "pad_value": PADDING, "tokenexp": "(?s:.)"}
    letters = graph.op("Tokenizer", x, domain=MICROSOFT, **split)
    places = (graph.constant(np.array([n])) for n in (start, 2**62 if stop is None else stop, 2, 1))
    taken = graph.op("Slice", letters, *places)
    kept = taken.coded({PADDING: 1}, 0).equals(1).where(padding, taken)
    return elements.missing(x).where(np.array(MISSING_TEXT, object), put_together(kept, x))


GROUP = re.compile(
    r"(\^?)((?:[A-Za-z0-9 ,;:_@#-]|\\[.()/,:' ])*)"
    r"\((\[[A-Za-z0-9_., -]+\]|\\[dw])(\+|\{\d{1,3}(?:,\d{0,3})?\}|)\)((?:[A-Za-z0-9 ,;:_@#-]|\\[.()/,:' ])*)"
)
CLASSES = {r"\d": r"\p{Nd}", r"\w": r"\p{L}\p{N}_"}


def extracted(x: Tensor, pattern: str) -> Tensor:
    """What the one group of a pattern matches, letters of a class between fixed texts; missing where there is none."""
    found = GROUP.fullmatch(pattern)
    if not found:
        raise elements.NoNode(f"the regular expression {pattern!r}")
    start, ahead, letters, many, behind = found.groups()
    ahead, behind = (re.sub(r"\\(.)", r"\1", context) for context in (ahead, behind))
    if any(re.match(letters, c) for c in ahead + behind):
        raise elements.NoNode(f"the regular expression {pattern!r}, whose group may match the text beside it,")
    inner = f"[{CLASSES.get(letters, letters[1:-1])}]{many}"
    around = f"{literal(ahead)}{inner}{literal(behind)}"
    if start:
        here = matches(x, f"{around}{ANYTHING}", whole=True)
        x = here.where(x, np.array(MISSING_TEXT, object))
    return first_match(first_match(x, around, None), inner, None)


def with_group(pattern: str, text: str) -> str:
    """A text in which `extracted` finds this one."""
    found = GROUP.fullmatch(pattern)
    ahead, behind = (re.sub(r"\\(.)", r"\1", found[number]) for number in (2, 5)) if found else ("", "")
    return f"{ahead}{text}{behind}"


def separator_sample(separator: str | None, regex: bool) -> str:
    """A text that stands between two pieces; ``regex``: a separator of several characters is an expression."""
    if separator is None:
        return " "
    return next(iter(matching(separator, not regex or len(separator) == 1)), separator)


def before(x: Tensor, separator: str, regex: bool = False) -> Tensor:
    """What stands before the first separator; all of a text without it. ``regex``: of several characters it is one."""
    if len(separator) != 1:
        return before(_separated(x, separator, regex), SEPARATOR)
    begins = matches(x, literal(separator) + ANYTHING, whole=True)
    rest = first_match(x, f"[^{literal(separator)}]+")
    return begins.where(np.array("", object), rest)


def _separated(x: Tensor, separator: str, regex: bool) -> Tensor:
    """With one character for each separator."""
    by_pattern = regex and SPECIAL.search(separator) is not None
    if by_pattern and re.compile(separator).groups:
        raise elements.NoNode(f"a split at {separator!r}, which keeps its groups,")
    return replaced(x, separator, SEPARATOR, by_pattern)


def nth(x: Tensor, separator: str | None, place: int, regex: bool = False) -> Tensor:
    """A piece between separators, or between spaces for None; missing where there are not so many.

    ``regex``: a separator of several characters is an expression.
    """
    if place == 0 and separator is not None:
        return before(x, separator, regex)
    if separator is not None and len(separator) > 1 and place > 0:
        return nth(_separated(x, separator, regex), SEPARATOR, place)
    if place < 0 or (separator is not None and len(separator) != 1):
        raise elements.NoNode(f"piece {place} of texts split at {separator!r}")
    if separator is None:
        return found_at(x, f"[^{SPACES}]+", place, None)
    other = f"[^{literal(separator)}]"
    ahead = first_match(x, f"(?:{other}*{literal(separator)}){{{place}}}{other}*", None)
    return first_match(ahead, f"{other}+$")
