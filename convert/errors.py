"""Owns the ways a conversion ends without a file. Knows nothing of who prints them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

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
LONGEST_ERROR = 300  # characters


def unforeseen(error: Exception, where: str = "") -> Refused:
    """The refusal of what nobody thought of; its cause, and with it the traceback, is ``error``."""
    if isinstance(error, RecursionError):
        refusal = Refused("it nests deeper than can be followed", "take layers off the model and fit it again", where)
    else:
        words = " ".join(str(error).split())[:LONGEST_ERROR]
        refusal = Refused(f"something broke that nobody expected: {type(error).__name__}: {words}", UNFORESEEN, where)
    refusal.__cause__ = error
    return refusal


class UsageError(Exception):
    """The command line asks for something that cannot be meant; the message says what."""
