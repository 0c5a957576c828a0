"""Owns the forms of a table that MLflow's protocol has: its columns put in schema order. Knows no entries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from server.artefact.metadata import Feature
from server.codecs.csv import Table, converters
from server.codecs.refusals import listed, refuse, shown
from server.codecs.rows import Locate

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
SPLIT_KEYS = frozenset({"columns", "data", "index"})

Take = Callable[[int, int], list[Any]]  # rows from one number to another, in schema order


class Rows(NamedTuple):
    """The ``number`` rows of a body, put in order a slice at a time. ``locate``: how errors say where a value is."""

    number: int
    take: Take
    locate: Locate


class TableReader:
    """Finds the rows of a body. ``tensor``: the name of the only input of a model whose features have no names.

    ``ignored``: columns that a table may have besides. All raise ServerError ``invalid_input`` or ``too_deep``.
    """

    def __init__(self, features: Sequence[Feature], tensor: str | None, ignored: frozenset[str]) -> None:
        self._names = [feature.name for feature in features]
        self._converters = converters(features)
        self._tensor = tensor
        self._ignored = ignored

    def of_csv(self, table: Table) -> Rows:
        """The rows of a table in CSV; a cell that is no value of its feature stays text."""
        columns, rows, typed = table
        ordered = self._in_order(rows, columns, "header")
        if typed:
            return Rows(len(rows), ordered, _locate_in_csv)
        width = len(self._names)

        def take(start: int, stop: int) -> list[Any]:
            return [self._converted(cells) if len(cells) == width else cells for cells in ordered(start, stop)]

        return Rows(len(rows), take, _locate_in_csv)

    def _converted(self, cells: list[str]) -> list[Any]:
        return [convert(cell) for convert, cell in zip(self._converters, cells, strict=True)]

    def of_json(self, document: Any) -> Rows:
        """The rows of a document in any of FORMS."""
        form = _form_of(document)
        table = document[form]
        if form == "dataframe_split":
            return self._split_rows(table)
        if form == "inputs" and type(table) is dict:
            return self._column_rows(table)
        return _as_they_are(_listed_rows(table, form), form)

    def _split_rows(self, table: Any) -> Rows:
        if type(table) is not dict or "data" not in table or not table.keys() <= SPLIT_KEYS:
            refuse(
                table,
                "dataframe_split: expected an object with 'data', and with 'columns' and 'index' if you like",
            )
        rows = _listed_rows(table["data"], "dataframe_split.data")
        index = table.get("index")
        if index is not None and (type(index) is not list or len(index) != len(rows)):
            refuse(index, f"dataframe_split.index: expected a list of {len(rows)}, one for each row")
        columns = table.get("columns")
        if columns is None:
            return _as_they_are(rows, "dataframe_split.data")
        where = "dataframe_split.columns"
        ordered = self._in_order(rows, _listed_rows(columns, where), where)
        return Rows(len(rows), ordered, _locate_in("dataframe_split.data"))

    def _column_rows(self, table: dict[str, Any]) -> Rows:
        """The rows of ``inputs`` as an object: a list per feature, a value per feature (one row), or the tensor."""
        if self._tensor is not None and table.keys() == {self._tensor}:
            where = f"inputs.{self._tensor}"
            return _as_they_are(_listed_rows(table[self._tensor], where), where)
        columns = list(table.values())
        if not any(type(column) is list for column in columns):
            return _as_they_are([table], "inputs")
        order = self._order(list(table), "inputs")
        if not all(type(column) is list and len(column) == len(columns[0]) for column in columns):
            refuse(table, "inputs: expected a list of one length for every feature, or a value for each: one row")

        def take(start: int, stop: int) -> list[Any]:
            return list(map(list, zip(*(columns[at][start:stop] for at in order), strict=True)))

        return Rows(len(columns[0]), take, _locate_in_columns)

    def _in_order(self, rows: list[Any], columns: list[Any], where: str) -> Take:
        """Takes rows in schema order; a row of another width stays as it is, for `RowReader` to refuse."""
        order = self._order(columns, where)
        width, needed = len(columns), len(order)

        def take(start: int, stop: int) -> list[Any]:
            taken = rows[start:stop]
            if width > needed and any(type(row) is list and len(row) == needed for row in taken):
                refuse(taken, f"{where}: there are {width} columns, but a row has {needed} values")
            return [[row[at] for at in order] if type(row) is list and len(row) == width else row for row in taken]

        return (lambda start, stop: rows[start:stop]) if order == list(range(width)) and width == needed else take

    def _order(self, columns: list[Any], where: str) -> list[int]:
        """The position of each feature among ``columns``; the numbers 0, 1, ... are positions, not names."""
        names = self._names
        given = [str(name) if type(name) is int else name for name in columns]
        if given == [str(number) for number in range(len(names))] and not set(given) & set(names):
            return list(range(len(names)))
        at = {name: position for position, name in enumerate(given) if type(name) is str}
        for name in names:
            if name not in at:
                refuse(columns, f"{where}: missing feature '{name}': this model takes {listed(names)}")
        if len(given) > len(names) and (extra := _first_extra(given, frozenset(names) | self._ignored)) is not None:
            hint = "; pandas leaves its index out with to_csv(index=False)" if extra == "" else ""
            refuse(columns, f"{where}: unexpected or repeated feature {shown(extra)}{hint}")
        return [at[name] for name in names]


def _first_extra(given: Iterable[Any], names: frozenset[str]) -> Any:
    """The first of ``given`` that is no feature or was there before; there is one."""
    seen: set[str] = set()
    for name in given:
        if type(name) is not str or name not in names or name in seen:
            return name
        seen.add(name)
    return None


def _as_they_are(rows: list[Any], where: str) -> Rows:
    return Rows(len(rows), lambda start, stop: rows[start:stop], _locate_in(where))


def _form_of(document: Any) -> str:
    """The one of FORMS that a document has. ``params`` are ignored, as MLflow does for a model without parameters."""
    if type(document) is not dict:
        refuse(document, f'expected an object like {{"inputs": [...]}}, got {shown(document)}')
    forms: list[str] = [key for key in document if key in FORMS]
    extra = [key for key in document if key not in (*FORMS, "params")]
    if len(forms) != 1:
        refuse(document, f"expected exactly one of {listed(FORMS)}")
    if extra:
        refuse(document, f"unexpected key {shown(extra[0])}: expected one of {listed(FORMS)}, and 'params'")
    return forms[0]


def _listed_rows(table: Any, where: str) -> list[Any]:
    if type(table) is not list:
        refuse(table, f"{where}: expected a list, got {shown(table)}")
    return table


def _locate_in(where: str) -> Locate:
    return lambda row, name: f"{where}[{row}], feature '{name}'" if name else f"{where}[{row}]"


def _locate_in_columns(row: int, name: str) -> str:
    return f"inputs, value {row} of feature '{name}'"


def _locate_in_csv(row: int, name: str) -> str:
    return f"row {row + 1}, feature '{name}'" if name else f"row {row + 1}"
