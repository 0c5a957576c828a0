"""Owns the texts by which a person's tokenizer is compared with the options that it was read as. Knows no nodes.

They are made of the words of the vocabulary and of whatever the code itself names: stop lists, separators, limits.
"""

from __future__ import annotations

import itertools
import re
import warnings
from collections import deque
from collections.abc import Iterator
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from convert.errors import Refused

MOST, MOST_SEEN = 2_000, 20_000  # words of a kind, and values that are looked at
PLAIN = ("Red", "green", "BLUE", "naïve", "été", "Straße", "x", "ab", "42", "3.14", "1,000", "don't", "it's", "a_b")
ODD = (
    "e-mail@example.org", "https://a.b/c?d=e&f=g#h", "#tag", "@name", "<br />", "well-known", "a|b", "a;b", "U.S.A.",
    "--", "...", "!?", "😀", "日本語", "привет", "١٢٣", "Foo™", "w" * 40,
)  # fmt: skip
SPACES = (" ", "  ", "\n", "\t", "\r\n", "\u00a0", ", ", ",", "; ", ". ", "-", "/", "_")


def refuse_others(model: Any, plain: Any, functions: list[Any], helps: str) -> None:
    """Raises Refused where a vectorizer with own ``functions`` finds other words than the ``plain`` one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        real, read = model.build_analyzer(), plain.build_analyzer()
        for text in _texts(model, functions):
            try:
                expected = [word for word in real(text) if word]
            except Exception:  # noqa: S112, BLE001  what it cannot take it is never asked
                continue
            if expected != [word for word in read(text) if word]:
                shown = text if len(text) < 60 else text[:60] + "..."
                raise Refused(
                    f"its own code finds other words in {shown!r} than the options that it was read as", helps
                )


def _texts(model: Any, functions: list[Any]) -> Iterator[str]:
    known = list(itertools.islice((w for term in getattr(model, "vocabulary_", ()) for w in term.split()), MOST))
    named = list(dict.fromkeys(itertools.islice(_named(functions), MOST)))
    yield from ("", " ", "\n", *named)
    for words in (known, named, PLAIN, ODD, (*PLAIN, *ODD)):
        yield from (space.join(words) for space in SPACES)
    usual = [*known[:100], *PLAIN]
    yield " ".join(word for pair in zip(named, itertools.cycle(usual), strict=False) for word in pair)
    yield " ".join(word for pair in zip(usual, itertools.cycle(ODD), strict=False) for word in pair)
    yield " ".join(f"{word} {word.upper()} {word.title()} {word}" for word in (*usual, *named))
    yield " ".join("w" * size for size in range(1, 40))
    yield " ".join(usual[at % len(usual)] for at in range(MOST))


def _named(functions: list[Any]) -> Iterator[str]:
    """The texts that functions and objects hold, the nearest first; of much only the first `MOST_SEEN` values."""
    waiting, seen = deque(functions), 0
    while waiting and seen < MOST_SEEN:
        value, seen = waiting.popleft(), seen + 1
        if isinstance(value, str):
            yield value
        elif isinstance(value, re.Pattern):
            yield str(value.pattern)
        else:
            waiting.extend(itertools.islice(_held_by(value), MOST))


def _held_by(value: Any) -> Iterator[Any]:
    if isinstance(value, tuple | list | set | frozenset | dict):
        yield from value
        yield from value.values() if isinstance(value, dict) else ()
    elif isinstance(value, MethodType):
        yield from (value.__func__, value.__self__)
    elif isinstance(value, CodeType):
        yield from value.co_consts
    elif isinstance(value, FunctionType):
        codes = [value.__code__, *(constant for constant in value.__code__.co_consts if isinstance(constant, CodeType))]
        yield from codes
        yield from (value.__globals__[name] for code in codes for name in code.co_names if name in value.__globals__)
        yield from (cell.cell_contents for cell in value.__closure__ or ())
        yield from (*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values())
    elif not isinstance(value, type | ModuleType) and hasattr(value, "__dict__"):
        yield from vars(value).values()
        yield from (vars(kind).get("__call__") for kind in type(value).__mro__)
