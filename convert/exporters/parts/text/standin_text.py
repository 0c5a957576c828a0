"""Owns what stands for a text, and for the list of its words, while a person's own tokenizer runs over it.

It knows what was done with the text, and refuses what hangs on its letters. Knows no vectorizers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from convert.errors import Refused

WORDS = r"\S+"
HELPS = "recorded are lower(), split(), re.findall(pattern, text) and re.split; else use lowercase and token_pattern"


def _shows(*_: Any) -> NoReturn:
    raise Refused("its tokenizer, preprocessor or analyzer looks at the text itself, which is not recorded", HELPS)


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """Stands for a text, of which is known whether its letters are small; ``words``: how many any list of it has."""

    lowered: bool
    words: int

    def __eq__(self, other: object) -> bool:
        return False if other is None or other == "" else _shows()

    __hash__ = __str__ = _shows
    __len__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = __iter__ = _shows

    def lower(self) -> Text:
        """In small letters."""
        return replace(self, lowered=True)

    def split(self, sep: str | None = None) -> Tokens:
        """Parts between white space, or between single characters."""
        if sep is None:
            return Tokens(self, WORDS)
        if len(sep) != 1 or not re.fullmatch(r"[ ,;|/_-]", sep):
            raise Refused(f"a tokenizer that splits at {sep!r} is not recorded", HELPS)
        return Tokens(self, f"[^{sep}]+", leaves_empty=True)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(str, name):
            raise AttributeError(name)
        raise Refused(f"str.{name} within its tokenizer, preprocessor or analyzer is not recorded", HELPS)


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """Stands for the list of what a pattern finds in a text. ``leaves_empty``: the real one may hold empty texts."""

    text: Text
    pattern: str
    leaves_empty: bool = False

    def __iter__(self) -> Iterator[Text]:
        return (Token(self.text.lowered, 0, self, place) for place in range(self.text.words))

    __bool__ = __str__ = _shows

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise Refused(f"list.{name} within its tokenizer is not recorded", HELPS)


@dataclass(frozen=True, slots=True, eq=False)
class Token(Text):
    """One of them, as a comprehension sees it."""

    tokens: Tokens
    place: int

    def __bool__(self) -> bool:
        return True

    def split(self, sep: str | None = None) -> Tokens:
        """Parts of parts are none of the text."""
        raise Refused("a tokenizer that splits the parts of a text is not recorded", HELPS)
