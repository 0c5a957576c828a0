"""Owns what pandas' functions of texts are as nodes. Knows nothing of stand-ins.

A text is taken apart by ONNX Runtime's Tokenizer, which finds whatever an expression matches; RE2 and Python mean the
same by the expressions that are let through.
"""

from __future__ import annotations

import functools
import re
from typing import Any

import numpy as np

from convert.exporters.parts.text.patterns import SPACES
from convert.graph.graph import MICROSOFT, Tensor
from convert.tracing.recorder import elements, nodes
from convert.tracing.recorder.texts.beginnings import has_words_at_both_ends, is_one
from convert.tracing.recorder.texts.expressions import (
    INSIDE,
    SPECIAL,
    caseless,
    expression,
    first_reading,
    is_at_end,
)
from server.artefact.metadata import MISSING_TEXT

PADDING = "\ufdd1"  # stands where nothing was found; a noncharacter
BOUNDED = re.compile(r"(\\b)?((?:[^\\^$]|\\[^bBAZ])+?)(\\b)?")  # an expression with \\b at its ends alone
ANYTHING = "(?s:.)*"
HALVINGS = 24  # of so many pieces at most, 16 million, a text is put together


@functools.cache
def several(action: str) -> dict[str, str]:
    """The letters that become several; there are none behind the first 65,536."""
    turned = {c: c.lower() if action == "LOWER" else c.upper() for c in map(chr, range(1 << 16))}
    return {c: letters for c, letters in turned.items() if len(letters) > 1}


def case(x: Tensor, action: str) -> Tensor:
    """Every letter lower or upper, but for a capital sigma at the end of a word, which becomes the usual small one."""
    graph = x.graph
    x = _exchanged(x, several(action))
    flat = graph.op("StringNormalizer", x.reshape(-1), case_change_action=action, locale="C.UTF-8")
    return flat.reshape(-1, 1)


def matches(x: Tensor, expression: str, whole: bool = False) -> Tensor:
    """Where an expression is found in a text, or is all of it; in a missing one never."""
    pattern = expression if whole else f"{ANYTHING}(?:{expression}){ANYTHING}"
    found = x.graph.op("RegexFullMatch", x, dtype=np.bool_, pattern=pattern)
    return found & ~elements.missing(x)


def literal(text: str) -> str:
    """An expression that a text alone matches; RE2 has other escapes than Python."""
    return "".join(c if c.isalnum() or c in " _" else f"\\x{{{ord(c):x}}}" for c in text)


def contains(x: Tensor, pattern: str, regex: bool, ignore_case: bool = False) -> Tensor:
    """Where a text has a piece that the pattern matches."""
    if ignore_case and not regex:  # pandas looks for one among the other, both in capitals
        return matches(case(x, "UPPER"), literal(pattern.upper()))
    if not regex or not SPECIAL.search(pattern):
        made = literal(pattern)
        return matches(x, caseless(made) if ignore_case else made)
    bounded = BOUNDED.fullmatch(pattern)
    if bounded and (bounded[1] or bounded[3]) and is_one(bounded[2]) and has_words_at_both_ends(bounded[2]):
        return _between_words(x, bounded, ignore_case)
    made = expression(pattern, ignore_case)
    if pattern.startswith("^") or is_at_end(pattern):
        before = "" if pattern.startswith("^") else ANYTHING
        if "|" in pattern:
            raise elements.NoNode(f"the regular expression {pattern!r}")
        return matches(x, f"{before}{made}" + ("" if is_at_end(pattern) else ANYTHING), whole=True)
    return matches(x, made)


def _between_words(x: Tensor, bounded: re.Match[str], ignore_case: bool) -> Tensor:
    """Where a piece that begins and ends with a word character has none before it, or behind it, as ``\\b`` asks."""
    before, inner, behind = bounded.groups()
    apart = f"[^{INSIDE['w']}]"
    begin = f"(?:{ANYTHING}{apart})?" if before else ANYTHING
    end = f"(?:{apart}{ANYTHING})?" if behind else ANYTHING
    return matches(x, f"{begin}(?:{expression(inner, ignore_case)}){end}", whole=True)


def first_match(x: Tensor, expression: str, otherwise: str | None = "") -> Tensor:
    """The first piece of a text that an expression matches; ``otherwise`` where none does. A missing one stays."""
    return found_at(x, expression, 0, otherwise)


def found_at(x: Tensor, expression: str, place: int, otherwise: str | None) -> Tensor:
    graph = x.graph
    split = {"mark": 0, "mincharnum": 1, "pad_value": PADDING, "tokenexp": expression}
    found = graph.op("Tokenizer", x, domain=MICROSOFT, **split)
    none = graph.op("Unsqueeze", elements.constant_like(x, PADDING), graph.constant(np.array([2])))
    padded = graph.concat([found, *[none] * (place + 1)], axis=2)
    first = graph.op("Gather", padded, graph.constant(np.int64(place)), axis=2)
    empty = first.coded({PADDING: 1}, 0).equals(1)
    told = MISSING_TEXT if otherwise is None else otherwise
    return elements.missing(x).where(np.array(MISSING_TEXT, object), empty.where(np.array(told, object), first))


def strip(x: Tensor, left: bool = True, right: bool = True, characters: str | None = None) -> Tensor:
    """Without Python's spaces, or certain characters, before and behind."""
    inner = f"[^{SPACES if characters is None else ''.join(map(literal, characters))}]"
    begin = f"{inner}" if left else "(?s:.)"
    if left and right:
        return first_match(x, f"{inner}(?:{ANYTHING}{inner})?")
    return first_match(x, f"{begin}{ANYTHING}" if left else f"(?:{ANYTHING}{inner})")


def length(x: Tensor) -> Tensor:
    """How many characters, as numbers; NaN for a missing text."""
    graph = x.graph
    split = {"mark": 0, "mincharnum": 1, "pad_value": PADDING, "separators": [""]}
    characters = graph.op("Tokenizer", x, domain=MICROSOFT, **split)
    pad = graph.op("Unsqueeze", elements.constant_like(x, PADDING), graph.constant(np.array([2])))
    there = ~graph.concat([characters, pad], axis=2).coded({PADDING: 1}, 0).equals(1)
    count = there.cast(np.float64).reduce("ReduceSum", axis=2, keep=False)
    return elements.missing(x).where(np.float64(np.nan), count)


def replaced(x: Tensor, pattern: str, by: str, regex: bool) -> Tensor:
    """Every piece of a text that a pattern matches as another text; a missing one stays."""
    made = first_reading(pattern) if regex else literal(pattern)
    bare = re.sub(r"\\.|\[(?:[^\]\\]|\\.)*\]", "", pattern) if regex else ""
    if not pattern or "^" in bare or "$" in bare or "\\" in (by if regex else "") or (regex and re.match(pattern, "")):
        raise elements.NoNode(f"the regular expression {pattern!r} replaced by {by!r}")
    pieces = x.graph.op(
        "Tokenizer", x, domain=MICROSOFT, mark=0, mincharnum=1, pad_value=PADDING, tokenexp=f"(?:{made})|(?s:.)"
    )
    found = pieces.graph.op("RegexFullMatch", pieces, dtype=np.bool_, pattern=made)
    padding = pieces.coded({PADDING: 1}, 0).equals(1)
    kept = padding.where(np.array("", object), found.where(np.array(by, object), pieces))
    return elements.missing(x).where(np.array(MISSING_TEXT, object), put_together(kept, x))


def _exchanged(x: Tensor, table: dict[str, str]) -> Tensor:
    """Some characters as others; a missing text stays."""
    graph, letters = x.graph, "".join(map(literal, table))
    split = {"mark": 0, "mincharnum": 1, "pad_value": PADDING, "tokenexp": f"[{letters}]|[^{letters}]+"}
    pieces = graph.op("Tokenizer", x, domain=MICROSOFT, **split)
    codes = pieces.coded({PADDING: 0} | {c: at for at, c in enumerate(table, 1)}, -1)
    others = graph.op("Gather", graph.constant(np.array(["", *table.values()], object)), codes, axis=0)
    kept = codes.equals(-1).where(pieces, others)
    return elements.missing(x).where(np.array(MISSING_TEXT, object), put_together(kept, x))


def put_together(pieces: Tensor, like: Tensor) -> Tensor:
    """[rows, 1, pieces] as [rows, 1]: two and two, until one is left."""
    graph = pieces.graph
    none = graph.op("Unsqueeze", elements.constant_like(like, ""), graph.constant(np.array([2])))
    zero, one, two, last, end = (graph.constant(np.array([n])) for n in (0, 1, 2, -1, 2**62))
    whole = graph.concat([pieces, none], axis=2)
    for _ in range(HALVINGS):
        padded = graph.concat([whole, none], axis=2)
        whole = graph.op(
            "StringConcat",
            graph.op("Slice", padded, zero, last, two, two),
            graph.op("Slice", padded, one, end, two, two),
        )
    return graph.op("Gather", whole, graph.constant(np.int64(0)), axis=2)


def count(x: Tensor, pattern: str) -> Tensor:
    """How many pieces of a text a pattern matches; missing for a missing one."""
    made = first_reading(pattern)
    if re.match(pattern, "") or is_at_end(pattern):
        raise elements.NoNode(f"the regular expression {pattern!r}, which may match between letters,")
    found = x.graph.op("Tokenizer", x, domain=MICROSOFT, mark=0, mincharnum=1, pad_value=PADDING, tokenexp=made)
    there = ~found.coded({PADDING: 1}, 0).equals(1)
    number = there.cast(np.float64).reduce("ReduceSum", axis=2, keep=False)
    return elements.missing(x).where(np.float64(np.nan), number)


INFINITE = r"(?i:[+-]?inf(?:inity)?)"
NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"


def number(x: Tensor) -> Tensor:
    """The number that a text is, in float64; missing for a text that is none."""
    bare = strip(x)
    sound = matches(bare, NUMBER, whole=True)
    endless = matches(x, "-" + ANYTHING, whole=True).where(np.float64(-np.inf), x.graph.constant(np.float64(np.inf)))
    other = matches(x, INFINITE, whole=True).where(endless, np.float64(np.nan))
    return sound.where(sound.where(bare, np.array("0", object)).cast(np.float64), other)


def looked_up(x: Tensor, known: dict[Any, Any], otherwise: Any) -> Tensor:
    """What a dictionary has for a value; ``otherwise`` for one that it does not have: a tensor, a constant, or None."""
    values = list(known.values())
    kind = elements.joint_dtype([*values, *([] if otherwise is None else [otherwise])] or [np.nan])
    if otherwise is None and kind.kind != "O":
        kind = np.dtype(np.float64)
    table = elements.as_operand(
        x.graph,
        np.array([*values, None], object)
        if kind.kind == "O"
        else np.array([np.nan if v is None else v for v in values] + [np.nan if kind.kind == "f" else 0], kind),
        kind,
    )
    codes = elements.constant_like(x, np.int64(len(values)))
    if elements.is_text(x):
        words = {
            (MISSING_TEXT if key is None or key != key else key): at
            for at, key in enumerate(known)
            if key is None or key != key or isinstance(key, str)
        }
        codes = x.coded(words, len(values)) if words else codes
    else:
        for at, key in enumerate(known):
            codes = nodes.holds_any(x, [key]).where(np.int64(at), codes)
    found = x.graph.op("Gather", table, codes, axis=0)
    if otherwise is None:
        return found
    return elements.choose(x.graph, codes.equals(len(values)), otherwise, found)
