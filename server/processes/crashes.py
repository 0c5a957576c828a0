"""Owns the judgement of whose run has ended a worker. Pure: knows no processes, only what ran and its records.

Who ran alone has crashed. Of several each is suspected; after so many suspicions the one whose run began last is
blamed. That is a guess, which does not hold if a worker ends again without that version, nor for ever.
docs/decisions.md: "Who ran alone has crashed", "A guess is given up".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from server.batching.runs.quarantine import CRASHES, SUSPICIONS, Record
from server.models.bulletin import Key


def judge(running: Sequence[Key], records: Mapping[Key, Record], now: float) -> list[tuple[Key, str]]:
    """Holds the end of a worker against the versions that ran in it, the latest begun first.

    ``records``: of the files that the worker served, those whose file was replaced since note nothing. Returns what is
    to be told of each version against which something is held now.
    """
    told: list[tuple[Key, str]] = []
    suspects: list[Record] = []
    most = CRASHES if len(running) == 1 else SUSPICIONS
    again = False  # it was one of those who were suspected before
    present = [(key, records[key]) for key in running if key in records]
    for key, record in present:
        count = record.crash(now) if len(running) == 1 else record.suspect(now)
        if count == SUSPICIONS and len(running) > 1:
            suspects.append(record)
        if count:
            told.append((key, record.reason or f"{count} of {most} that quarantine it"))
            again |= len(running) == 1 or count > 1
    absent = [record for key, record in records.items() if key not in running]
    if any(record.is_proven for _, record in present):
        for record in records.values():
            record.acquit()
    elif again:
        for record in absent:
            record.acquit_of_blame()
    if suspects and all(record.reason is None for record in suspects):
        suspects[0].blame(now)
    return told
