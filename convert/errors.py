"""Owns the ways a conversion ends without a file. Knows nothing of who prints them."""

from __future__ import annotations


class Refused(Exception):
    """This cannot be converted. ``reason`` is one sentence; ``remedy`` says what a person can do; ``where`` is the
    path of the estimator in its pipeline, empty where the whole file is meant."""

    def __init__(self, reason: str, remedy: str = "", where: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy
        self.where = where

    def __str__(self) -> str:
        """All three parts as the lines a person reads; only the first stands at the edge."""
        place = f"{self.where}: " if self.where else ""
        whole = f"{place}{self.reason}" + (f"\nwhat helps: {self.remedy}" if self.remedy else "")
        return whole.replace("\n", "\n  ")


class OtherVersion(Refused):
    """A pickle of another scikit-learn: only that ``version`` knows what its model answers."""

    def __init__(self, reason: str, remedy: str, version: str) -> None:
        super().__init__(reason, remedy)
        self.version = version


class UsageError(Exception):
    """The command line asks for something that cannot be meant; the message says what."""
