"""Owns the outcomes that are measured: a line for each in a file, so that a broken run goes on. Measures nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.campaigns.coverage.data import Case
from tests.campaigns.coverage.measure import Outcome

SETTLED = ("agrees", "refused", "not fitted")  # what differs, breaks or hangs may have been mended


class Kept:
    """The outcomes of a file, by case and way; the last line of each counts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._outcomes: dict[tuple[str, str], Outcome] = {}
        for line in path.read_text().splitlines() if path.exists() else ():
            values = json.loads(line)
            self._outcomes[values["case"], values["way"]] = Outcome(values["status"], values["why"])

    def outcome(self, case: Case, way: str, measured: Callable[[], Outcome]) -> Outcome:
        """What was kept of a case where that is settled; else what is ``measured``, which is kept at once."""
        name = f"{case.group}/{case.name}"
        known = self._outcomes.get((name, way))
        if known is not None and (known.status in SETTLED or way == "plain"):
            return known
        found = measured()
        self._outcomes[name, way] = found
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a") as file:
            file.write(json.dumps({"case": name, "way": way, "status": found.status, "why": found.why}) + "\n")
        return found
