"""Owns the words of a refusal: what it quotes of a client's value, and of a model's names. Knows no protocol.

A refusal must not cost more than an answer, nor give back what it was sent: what it looks at and quotes is bounded.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain, islice
from typing import Any, NoReturn

import orjson

from server.errors import ServerError

MAX_DEPTH = 8
MAX_SHOWN_CHARACTERS = 64
MAX_LOOKED_AT = 16_384  # values of one level: more than a body has that is read at once


def refuse(value: Any, message: str) -> NoReturn:
    """Raises ServerError: ``too_deep`` for a value nested beyond MAX_DEPTH, else ``invalid_input``."""
    if depth_of(value) > MAX_DEPTH:
        raise ServerError("too_deep", f"the JSON is nested more than {MAX_DEPTH} levels deep")
    raise ServerError("invalid_input", message)


def no_route(path: str) -> ServerError:
    """The refusal of a path that is none here."""
    return ServerError("not_found", f"there is no route {shown(path)}; GET / lists where to go")


def too_many_rows(rows: int, allowed: int) -> ServerError:
    """The refusal of a request of so many rows."""
    return ServerError("too_many_rows", f"{rows} rows are more than the {allowed} allowed: send several requests")


def depth_of(value: Any) -> int:
    """The levels of a JSON value, counted without recursion, which hostile input would overflow.

    Of each level it looks at the first MAX_LOOKED_AT values.
    """
    depth, level = 0, [value]
    while level and depth <= MAX_DEPTH:
        containers = [item for item in level if isinstance(item, (dict, list))]
        children = chain.from_iterable(item.values() if isinstance(item, dict) else item for item in containers)
        level = list(islice(children, MAX_LOOKED_AT))
        depth += bool(level)
    return depth


def shown(value: Any) -> str:
    """A client's value as an error quotes it: JSON of at most 64 characters; a container by its type only.

    What has no look of its own, such as the controls that JSON allows or marks of direction, is escaped.
    """
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "an array"
    start = value[: MAX_SHOWN_CHARACTERS + 1] if isinstance(value, str) else value
    text = orjson.dumps(start).decode()
    if not text.isprintable():
        text = "".join([char if char.isprintable() else json.dumps(char)[1:-1] for char in text])
    return text if len(text) <= MAX_SHOWN_CHARACTERS else text[:MAX_SHOWN_CHARACTERS] + "..."


def shown_shape(shape: Sequence[int]) -> str:
    """A client's shape as an error quotes it: a list of at most 64 characters."""
    text = str(list(shape))
    return text if len(text) <= MAX_SHOWN_CHARACTERS else text[:MAX_SHOWN_CHARACTERS] + "..."


def listed(names: Sequence[str]) -> str:
    """Quoted names as an error lists them: the first eight."""
    return few([f"'{name}'" for name in names[:8]], len(names))


def lacking(names: Sequence[str]) -> str:
    """The names of features that are not there, of which there is at least one."""
    return f"missing feature{'s' if len(names) > 1 else ''} {listed(names)}"


def few(items: Sequence[str], count: int | None = None) -> str:
    """The first eight of ``count`` items; of all that are given without one."""
    more = (len(items) if count is None else count) - 8
    first = ", ".join(items[:8])
    return first if more <= 0 else f"{first} and {more} more"


def counted(number: int, noun: str) -> str:
    """``1 value``, ``2 values``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
