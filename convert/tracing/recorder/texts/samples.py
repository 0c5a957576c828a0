"""Owns texts by which own code that takes texts apart is tried: such as an expression matches, and others like them.

Knows nothing of tensors. Nothing hangs on what is made here but how much a proof sees.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from convert.tracing.recorder.texts.beginnings import kinds, parser

CASED = ("Straße", "İı", "ﬁn")
NUMBERS = ("1", "2.5", "-3", "0", "100", "1e3", " 7 ", "12abc", "1,5", ".5", "-inf")
LETTERS = {"CATEGORY_DIGIT": "7", "CATEGORY_SPACE": " ", "CATEGORY_WORD": "w", "CATEGORY_NOT_WORD": "-"}
OTHERS = ("-", "x", "5", " ", ".")  # one of them is in whatever leaves some out
MOST_RESHAPED = 60
MOST = 8  # texts of one expression
MORE = 2  # times what must be there at least


def matching(pattern: str, literal: bool = False) -> list[str]:
    """Some texts that a pattern matches, short ones and longer ones; itself where it is ``literal``."""
    if literal:
        return [pattern]
    try:
        parsed = parser.parse(pattern)
    except re.error:
        return []
    made = [_text(parsed, way) for way in range(MOST)]
    return list(dict.fromkeys(text for text in made if re.search(pattern, text)))


def around(texts: Iterable[str]) -> list[str]:
    """These texts, in other letters, among others, and nearly these."""
    made: list[str] = []
    for text in texts:
        made += [text, f"{text}x", f"x{text}", f" {text} ", f"{text} {text}", f"{text}\n", text[:-1]]
        made += [text.lower(), text.upper(), text.title()]
    return list(dict.fromkeys(made))


def reshaped(texts: Iterable[str]) -> list[str]:
    """These texts with other digits in them, such as 0 and 9 throughout."""
    made = [re.sub(r"[0-9]", digit, text) for text in texts for digit in "0159"]
    return [*dict.fromkeys(made)][:MOST_RESHAPED]


def _text(parsed: Any, way: int) -> str:
    return "".join(_pieces(parsed, way))


def _pieces(parsed: Any, way: int) -> Iterator[str]:
    """``way`` says which of several ways each part goes."""
    for kind, told in parsed:
        if kind is kinds.LITERAL:
            yield chr(told)
        elif kind is kinds.NOT_LITERAL:
            yield next(c for c in OTHERS if c != chr(told))
        elif kind is kinds.ANY:
            yield "x"
        elif kind is kinds.IN:
            yield _member(told, way)
        elif kind is kinds.BRANCH:
            yield _text(told[1][way % len(told[1])], way)
        elif kind is kinds.SUBPATTERN:
            yield _text(told[-1], way)
        elif kind in (kinds.MAX_REPEAT, kinds.MIN_REPEAT):
            least, most, inner = told
            yield _text(inner, way) * min(int(most), int(least) + way % (MORE + 1))


def _member(members: Any, way: int) -> str:
    """A character of a class."""
    if members[0][0] is kinds.NEGATE:
        left_out = re.compile("|".join(re.escape(chr(told)) for kind, told in members[1:] if kind is kinds.LITERAL))
        return next((c for c in OTHERS if not left_out.pattern or not left_out.fullmatch(c)), "q")
    kind, told = members[way % len(members)]
    if kind is kinds.RANGE:
        return chr(told[way // len(members) % 2])
    return LETTERS.get(str(told), "x") if kind is kinds.CATEGORY else chr(told)
