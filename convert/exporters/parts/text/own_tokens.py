"""Owns what a person's own tokenizer, preprocessor or analyzer does with a text: it is run on a stand-in for one.

What it does is put as a vectorizer of scikit-learn's own options, which is then exported as any. Knows no nodes.
"""

from __future__ import annotations

import copy
import functools
import re
from collections.abc import Callable
from dataclasses import replace
from types import FunctionType, MethodType
from typing import Any

from convert.errors import Refused
from convert.exporters.parts.text.standin_text import HELPS, WORDS, Text, Token, Tokens
from convert.exporters.parts.text.trial_texts import refuse_others

COUNTS = (10_007, 1)  # of the words that the stand-in of a list hands out: what hangs on their number shows
CASELESS = re.compile(
    r"\\S\+|\\w\+|\\b\\w\\w+\+\\b|\\w\{\d+,\}|\(\?u\)\\b\\w\\w\+\\b"
)  # the same before and after lowering


def understood(model: Any) -> Any:
    """The vectorizer with options in place of a person's functions; itself where it has none. Raises Refused."""
    functions = {name: getattr(model, name) for name in ("preprocessor", "tokenizer")}
    own = {name: function for name, function in functions.items() if function is not None}
    if callable(model.analyzer):
        own = {"analyzer": model.analyzer}
    if not own or (model.analyzer != "word" and "tokenizer" in own and len(own) == 1 and not callable(model.analyzer)):
        return model
    plain = copy.copy(model)
    lowered = bool(model.lowercase) and "preprocessor" not in own and "analyzer" not in own
    made, other = (_followed(own, Text(lowered, count)) for count in COUNTS)
    if _told(made) != _told(other):
        raise Refused(f"its {', '.join(own)} does something else with few words than with many", HELPS)
    plain.preprocessor = plain.tokenizer = None
    if "preprocessor" in own:
        plain.strip_accents = None
    if "analyzer" in own:
        plain.analyzer, plain.strip_accents, plain.stop_words, plain.ngram_range = "word", None, None, (1, 1)
    if isinstance(made, Tokens):
        if model.analyzer == "word" or "analyzer" in own:
            plain.token_pattern = made.pattern
            _check_empty(made, model)
        made = made.text
    elif own.keys() != {"preprocessor"}:  # the letters of a text would be its words
        made = None
    if type(made) is not Text:
        raise Refused(f"its {', '.join(own)} answers what is no text and no list of its words", HELPS)
    plain.lowercase = made.lowered
    refuse_others(model, plain, list(own.values()), HELPS)
    return plain


def _followed(own: dict[str, Any], text: Any) -> Any:
    """What a person's functions, one behind the other, make of a stand-in."""
    for name in ("analyzer", "preprocessor", "tokenizer"):
        if name in own:
            text = _run(own[name], text, name)
    return text


def _told(made: Any) -> Any:
    """What is said of a text or its words, whatever their number."""
    if isinstance(made, Tokens):
        return made.pattern, made.leaves_empty, made.text.lowered
    return made.lowered if type(made) is Text else None


class _Patterns:
    """Stands for the module ``re`` where a stand-in is searched."""

    def __getattr__(self, name: str) -> Any:
        own = getattr(re, name)
        if name not in ("findall", "split"):
            return own
        return lambda pattern, text, *rest: _searched(name, pattern, text, *rest)


def _searched(name: str, pattern: Any, text: Any, *flags: Any) -> Any:
    told, given = (pattern.pattern, pattern.flags) if isinstance(pattern, re.Pattern) else (pattern, 0)
    if type(text) is not Text:
        return getattr(re, name)(pattern, text, *flags)
    if any(flags) or given & ~re.UNICODE or re.compile(told).groups > 1:
        raise Refused(f"re.{name} with flags or several groups within its tokenizer is not recorded", HELPS)
    if name == "findall":
        return Tokens(text, told)
    other = {r"\s+": WORDS, r"\W+": r"\w+", " ": "[^ ]+", r"\s": WORDS}.get(told)
    if other is None:
        raise Refused(f"re.split at {told!r} within its tokenizer is not recorded", HELPS)
    return Tokens(text, other, leaves_empty=True)


class _Compiled:
    """Stands for a compiled pattern."""

    def __init__(self, own: re.Pattern[str]) -> None:
        self._own = own

    def __getattr__(self, name: str) -> Any:
        if name in ("findall", "split"):
            return functools.partial(_searched, name, self._own)
        return getattr(self._own, name)


def _run(function: Any, text: Any, name: str) -> Any:
    """What a person's function makes of a stand-in."""
    if isinstance(text, Tokens):
        raise Refused("a tokenizer gets what is no text", HELPS)
    try:
        made = _patched(function)(text)
    except Refused:
        raise
    except Exception as error:
        words = " ".join(str(error).split())[:200]
        raise Refused(
            f"its {name} does not run while it is recorded: {type(error).__name__}: {words}", HELPS
        ) from error
    return _of_list(made) if isinstance(made, list) else made


def _of_list(made: list[Any]) -> Any:
    """A comprehension over the stand-in of a list: each of its words in its place, lower or as it stands."""
    if not made or any(type(token) is not Token for token in made):
        raise Refused("a list that its tokenizer makes is not recorded", HELPS)
    tokens, lowered = made[0].tokens, made[0].lowered
    every = [token.place for token in made] == list(range(tokens.text.words))
    if not every or any(token.tokens is not tokens or token.lowered != lowered for token in made):
        raise Refused("a tokenizer that leaves out, sorts or repeats words is not recorded", HELPS)
    if lowered and not tokens.text.lowered and not CASELESS.fullmatch(tokens.pattern):
        raise Refused(f"lowering what {tokens.pattern!r} found is not recorded", "lower the text before")
    return replace(tokens, text=replace(tokens.text, lowered=lowered))


def _patched(function: Any) -> Callable[[Any], Any]:
    """A function that finds stand-ins where it looks for expressions; methods of str are those of the stand-in."""
    if function in (str.lower, str.split):
        made: Callable[[Any], Any] = getattr(Text, str(function.__name__))
        return made
    owner = getattr(function, "__self__", None)
    if isinstance(owner, re.Pattern):
        return functools.partial(_searched, str(function.__name__), owner)
    if isinstance(function, functools.partial):
        return functools.partial(_patched(function.func), *function.args, **function.keywords)
    if isinstance(function, MethodType):
        return MethodType(_patched(function.__func__), function.__self__)
    if not isinstance(function, FunctionType):
        own = next((vars(kind)["__call__"] for kind in type(function).__mro__ if "__call__" in vars(kind)), None)
        if not isinstance(own, FunctionType):
            raise Refused(f"{function!r} is no function of yours", HELPS)
        return MethodType(_patched(own), _opened(function))
    names = {name: _stand_in(value) for name, value in function.__globals__.items()}
    made = FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def _opened(instance: Any) -> Any:
    held = copy.copy(instance)
    for name, value in vars(instance).items():
        setattr(held, name, _stand_in(value))
    return held


def _stand_in(value: Any) -> Any:
    if value is re:
        return _Patterns()
    if value is re.findall or value is re.split:
        return getattr(_Patterns(), value.__name__)
    return _Compiled(value) if isinstance(value, re.Pattern) else value


def _check_empty(tokens: Tokens, model: Any) -> None:
    """Where the real list holds empty texts, they count among words of n-grams, and may be words themselves."""
    if not tokens.leaves_empty:
        return
    several = tuple(model.ngram_range) != (1, 1) and not callable(model.analyzer)
    if several or "" in getattr(model, "vocabulary_", {"": 0}):
        raise Refused(
            "its tokenizer makes empty words between two separators", "split() without an argument makes none"
        )
