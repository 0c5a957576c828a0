"""Owns dates as texts: ISO 8601, without a time zone, as seconds since 1970. Knows no rows."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

ISO_DATE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6}0*)?)?)?", re.ASCII
)
LONGEST = 40  # characters
EPOCH, SECOND = datetime.fromisoformat("1970-01-01"), timedelta(seconds=1)


def seconds_of(text: str) -> float | None:
    """A date, or a date and a time of day, as a number; None for any other text.

    What has a time zone is none: a model was fitted in one, and does not know which.
    """
    if len(text) > LONGEST or not ISO_DATE.fullmatch(text):
        return None
    try:
        return (datetime.fromisoformat(text) - EPOCH) / SECOND
    except ValueError:  # the 30th of February
        return None
