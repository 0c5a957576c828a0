"""Rows value by value: a refusal says where, and looks at few of many categories."""

from __future__ import annotations

from typing import Any

import pytest

from server.artefact.metadata import Feature
from server.codecs import row_checks
from server.codecs.refusals import shown
from server.codecs.row_checks import RowChecker
from server.errors import ServerError


def test_a_refusal_looks_at_few_of_many_categories(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[Any] = []

    def counted(value: Any) -> str:
        looked_at.append(value)
        return shown(value)

    monkeypatch.setattr(row_checks, "shown", counted)
    many = tuple(f"category number {number}" for number in range(5000))
    with pytest.raises(ServerError, match="and 4992 more, got"):
        RowChecker([Feature("a", "string", "a", categories=many)], ()).checked(["x"], "here")
    assert len(looked_at) < 20


def test_a_protocol_says_where_a_value_is() -> None:
    checker = RowChecker([Feature("a", "float64", "X"), Feature("b", "int64", "Y")], ())

    def locate(row: int, name: str) -> str:
        return f"row {row} <{name}>"

    assert checker.checked_at(7, {"b": 1, "a": 2.5}, locate) == [2.5, 1]
    for row, message in (([1, 2.5], "row 7 <b>: expected a whole number, got 2.5"), (3, "row 7 <>: expected a row")):
        with pytest.raises(ServerError, match=message):
            checker.checked_at(7, row, locate)
