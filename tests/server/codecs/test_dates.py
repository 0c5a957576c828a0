"""A column of dates takes ISO 8601 beside seconds since 1970, and says what else is none."""

from __future__ import annotations

import pytest

from server.artefact.metadata import SINCE_1970, Feature
from server.codecs.cells import converters
from server.codecs.dates import seconds_of
from server.codecs.rows import RowReader
from server.errors import ServerError

DAY = Feature("day", "float64", "X", unit=SINCE_1970)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01", 0.0),
        ("2024-02-29", 1709164800.0),
        ("2024-02-29T10:30", 1709202600.0),
        ("2024-02-29 10:30:05.250", 1709202605.25),
        ("1969-12-31T23:59:59.5000000", -0.5),
    ],
)
def test_a_date_is_its_seconds(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "2023-02-29", "29.02.2024", "2024-2-9", "2024-02-29T10", "2024-02-29T10:30Z", "2024-02-29T10:30+02:00",
     "2024-02-29x10:30", "2024-02-29T10:30:00.1234567", "\u0662024-02-29", "2024-02-29" + " " * 40],
)  # fmt: skip
def test_what_is_no_such_date_is_none(text: str) -> None:
    assert seconds_of(text) is None


def test_rows_take_dates_as_texts_where_the_schema_says_so() -> None:
    reader = RowReader([DAY, Feature("n", "float64", "X")])
    assert reader.read_row(["2024-02-29", 1.5], clean=True) == reader.read_row([1709164800.0, 1.5], clean=True)
    assert reader.read_row({"day": "2024-02-29", "n": 1}, clean=True) == reader.read_row([1709164800, 1], clean=True)
    with pytest.raises(ServerError, match=r"feature 'day': expected seconds since 1970, or a date as .*, got .soon."):
        reader.read_row({"day": "soon", "n": 1}, clean=True)
    with pytest.raises(ServerError, match="expected a number"):
        reader.read_row([1.5, "2024-02-29"], clean=True)


def test_known_dates_are_known_as_texts_and_cells_of_csv_are_read_as_rows() -> None:
    known = Feature("day", "float64", "X", nullable=True, categories=(1709164800.0,), unit=SINCE_1970)
    reader, (convert,) = RowReader([known]), converters([known])
    for text in ("2024-02-29", "1709164800"):
        assert reader.read_row([convert(text)], clean=True) == reader.read_row([1709164800.0], clean=True)
    with pytest.raises(ServerError, match="expected one of"):
        reader.read_row(["2024-03-01"], clean=True)
