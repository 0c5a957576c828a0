"""Owns the ways a conversion ends without a file, and what an error is about. Knows nothing of who prints them.

A file may have been changed after its model was fitted; whoever is told so must know where to look. What an error says
of itself is enough where an attribute is missing; where one is of another kind the statement that failed names it.
"""

from __future__ import annotations

import linecache
import re
import traceback
from collections.abc import Iterator, Mapping
from types import FrameType, MappingProxyType
from typing import Any, NamedTuple

NONE: Mapping[str, str] = MappingProxyType({})


class Refused(Exception):
    """This cannot be converted. ``reason`` is one sentence; ``remedy`` says what a person can do; ``where`` is the
    path of the estimator in its pipeline, empty where the whole file is meant; ``traceback`` is for --debug alone."""

    def __init__(self, reason: str, remedy: str = "", where: str = "", traceback: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy
        self.where = where
        self.traceback = traceback

    def __str__(self) -> str:
        """All three parts as the lines a person reads; only the first stands at the edge."""
        place = f"{self.where}: " if self.where else ""
        whole = f"{place}{self.reason}" + (f"\nwhat helps: {self.remedy}" if self.remedy else "")
        return whole.replace("\n", "\n  ")


class OtherVersion(Refused):
    """A pickle of another scikit-learn or booster: only those know what its model answers.

    ``version`` is scikit-learn's, empty where the file names none; ``libraries`` are the modules of others that it
    needs, each with the release that wrote it, where the file tells that.
    """

    def __init__(self, reason: str, remedy: str, version: str, libraries: Mapping[str, str] = NONE) -> None:
        super().__init__(reason, remedy)
        self.version = version
        self.libraries = libraries


UNFORESEEN = (
    "that is a fault of the converter, not yours: report it with the model, or with what --debug prints. Until it is"
    " mended, put a step that docs/coverage.md lists in place of the one that is named here"
)
CHANGED = "fit the model again and pickle it: this file is damaged, or was changed. If it says the same of a new one, "
LONGEST_ERROR = 300  # characters
LIBRARIES = frozenset(
    {"catboost", "category_encoders", "feature_engine", "imblearn", "lightgbm", "sklearn", "skops", "xgboost"}
)
READ = re.compile(r"\b([A-Za-z_]\w*)\.([A-Za-z_]\w*)\b(?!\()")
MOST_LINES = 5  # of a statement that are looked at


def unforeseen(error: Exception, where: str = "") -> Refused:
    """The refusal of what nobody thought of; its cause, and with it the traceback, is ``error``."""
    if isinstance(error, RecursionError):
        refusal = Refused("it nests deeper than can be followed", "take layers off the model and fit it again", where)
    else:
        words = f"{type(error).__name__}: {' '.join(str(error).split())[:LONGEST_ERROR]}"
        blamed = find_blamed(error)
        if blamed is None:
            refusal = Refused(f"something broke that nobody expected: {words}", UNFORESEEN, where)
        else:
            refusal = Refused(_told(blamed, words), CHANGED + UNFORESEEN, where)
    refusal.__cause__ = error
    return refusal


def _told(blamed: Blamed, words: str) -> str:
    owner, attribute, kind = blamed
    if kind is None:
        return f"this {owner} has no {attribute}, which fitting writes"
    return f"what this {owner} has as its {attribute}, of type {kind}, is nothing that can be followed: {words}"


class Blamed(NamedTuple):
    """The class of a fitted object, its attribute, and the type of what stands there: None where nothing does."""

    owner: str
    attribute: str
    kind: str | None


def find_blamed(error: BaseException) -> Blamed | None:
    """What an error is about, by the innermost statement that reads an attribute of a fitted object."""
    owner = error.obj if isinstance(error, AttributeError) else None
    if isinstance(error, AttributeError) and error.name and _is_fitted(owner) and _is_state(owner, error.name):
        return Blamed(type(owner).__name__, error.name, None)
    frames = [*traceback.walk_tb(error.__traceback__)]
    for (frame, line), place in zip(
        reversed(frames), reversed(traceback.extract_tb(error.__traceback__)), strict=False
    ):
        found: list[Blamed] = []
        for name, attribute in _reads(frame, line, place.end_lineno or line):
            thing = frame.f_locals.get(name)
            if attribute in (held := _attributes(thing)):
                found.append(Blamed(type(thing).__name__, attribute, type(held[attribute]).__name__))
        if found:  # of several the one that is no array is wrong more often
            return next((each for each in found if each.kind != "ndarray"), found[0])
    return None


def _is_fitted(thing: Any) -> bool:
    return type(thing).__module__.partition(".")[0] in LIBRARIES


def _is_state(thing: Any, name: str) -> bool:
    """Whether an estimator keeps what it was given or has learned under that name; else who reads it is mistaken."""
    given: list[str] = getattr(type(thing), "_get_param_names", list)()
    return name.startswith("_") or name.endswith("_") or name in given


def _attributes(thing: Any) -> Mapping[str, Any]:
    return getattr(thing, "__dict__", {}) if _is_fitted(thing) else {}


def _reads(frame: FrameType, first: int, last: int) -> Iterator[tuple[str, str]]:
    """The names and attributes that a statement reads."""
    lines = range(first, min(last, first + MOST_LINES) + 1)
    text = "".join([linecache.getline(frame.f_code.co_filename, line, frame.f_globals) for line in lines])
    return ((found[1], found[2]) for found in READ.finditer(text))


class UsageError(Exception):
    """The command line asks for something that cannot be meant; the message says what."""
