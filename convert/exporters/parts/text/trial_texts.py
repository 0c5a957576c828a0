"""Owns the texts by which a person's tokenizer is compared with the options that it was read as. Knows no nodes.

They are made of the words of the vocabulary and of whatever the code itself names: stop lists, separators, limits.
"""

from __future__ import annotations

import itertools
import re
import warnings
from collections.abc import Iterator
from types import CodeType, FunctionType, MethodType
from typing import Any

from convert.errors import Refused

MOST = 2_000  # words of a kind
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
    named = list(dict.fromkeys(itertools.islice((w for f in functions for w in _named(f)), MOST)))
    yield from ("", " ", "\n", *named)
    for words in (known, named, PLAIN, ODD, (*PLAIN, *ODD)):
        yield from (space.join(words) for space in SPACES)
    usual = [*known[:100], *PLAIN]
    yield " ".join(word for pair in zip(named, itertools.cycle(usual), strict=False) for word in pair)
    yield " ".join(word for pair in zip(usual, itertools.cycle(ODD), strict=False) for word in pair)
    yield " ".join(f"{word} {word.upper()} {word.title()} {word}" for word in (*usual, *named))
    yield " ".join("w" * size for size in range(1, 40))
    yield " ".join(usual[at % len(usual)] for at in range(MOST))


def _named(value: Any, depth: int = 4) -> Iterator[str]:
    """The texts that a function, an object or a value holds, as far as it is seen."""
    if depth < 0:
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, re.Pattern):
        yield str(value.pattern)
    elif isinstance(value, tuple | list | set | frozenset | dict):
        for part in itertools.islice(value, MOST):
            yield from _named(part, depth - 1)
    elif isinstance(value, MethodType):
        yield from _named(value.__self__, depth - 1)
        yield from _named(value.__func__, depth - 1)
    elif isinstance(value, FunctionType):
        yield from _of_function(value, depth - 1)
    elif not isinstance(value, type) and hasattr(value, "__dict__") and not hasattr(value, "__spec__"):
        yield from _named(list(vars(value).values()), depth - 1)
        yield from _named([vars(kind).get("__call__") for kind in type(value).__mro__], depth - 1)


def _of_function(function: FunctionType, depth: int) -> Iterator[str]:
    waiting: list[CodeType] = [function.__code__]
    while waiting:
        code = waiting.pop()
        waiting += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        yield from _named([c for c in code.co_consts if not isinstance(c, CodeType)], depth)
        yield from _named([function.__globals__[name] for name in code.co_names if name in function.__globals__], depth)
    yield from _named([cell.cell_contents for cell in function.__closure__ or ()], depth)
    yield from _named([*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()], depth)
