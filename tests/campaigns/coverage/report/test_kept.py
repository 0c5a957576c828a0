"""A run that was broken off goes on where it was: what is settled is not measured again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns.coverage.data import Case
from tests.campaigns.coverage.measure import Outcome, Status
from tests.campaigns.coverage.report.kept import Kept

CASE = Case("group", "name", lambda: None)


@pytest.mark.parametrize(("status", "again"), [("agrees", False), ("refused", False), ("differs", True)])
def test_only_what_is_not_settled_is_measured_again(tmp_path: Path, status: Status, again: bool) -> None:
    path = tmp_path / "kept" / "outcomes.jsonl"
    first = Kept(path).outcome(CASE, "ours", lambda: Outcome(status, "a reason"))
    assert first == Outcome(status, "a reason")
    asked: list[str] = []

    def measured() -> Outcome:
        asked.append("asked")
        return Outcome("agrees")

    second = Kept(path).outcome(CASE, "ours", measured)
    assert bool(asked) == again
    assert second == (Outcome("agrees") if again else first)
    assert Kept(path).outcome(CASE, "ours", lambda: Outcome("breaks")) == second
    assert Kept(path).outcome(CASE, "plain", lambda: Outcome("breaks")).status == "breaks"
