"""Owns the errors that end a command; each message says what to do."""

from __future__ import annotations


class UsageError(Exception):
    """The command line is wrong."""


class Refused(Exception):
    """The model, the table or the place for the answers does not fit; nothing that was whole is lost."""
