"""Owns the sentences by which a file is refused for what it does rather than for a name. Knows no rules."""

from __future__ import annotations

from typing import Any

from convert.errors import Refused

REWRITE = "the file is damaged or hostile: write the fitted model again with pickle or joblib"


def hostile(reason: str) -> Refused:
    """A refusal of what no library writes into a model file."""
    return Refused(reason, REWRITE)


def shown(thing: Any) -> str:
    """A text of the file, cut short; of anything else its type alone, because its ``repr`` is code."""
    return repr(thing[:60]) if type(thing) is str else f"a {type(thing).__name__}"


def called(thing: Any) -> str:
    """What a thing is called, without asking the thing itself for more than its type."""
    if isinstance(thing, type):
        return f"the class {thing.__module__}.{thing.__qualname__}"
    kind = type(thing)
    name = getattr(thing, "__name__", "") if kind.__module__ in ("builtins", "numpy") and callable(thing) else ""
    if name:
        return f"the function {name}"
    return f"an instance of {kind.__module__}.{kind.__qualname__}"
