"""Owns the forms of a table that MLflow's protocol has: its columns put in schema order. Knows no entries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from server.artefact.metadata import Feature
from server.codecs.cells import converters
from server.codecs.csv import Table
from server.codecs.json.long_lists import CutBody, LongList, opening_of
from server.codecs.refusals import lacking, listed, refuse, shown
from server.codecs.row_checks import Locate
from server.codecs.rows import Order

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
SPLIT_KEYS = frozenset({"columns", "data", "index"})


class Rows(NamedTuple):
    """The rows of a body, as they are or as what ``order`` makes rows of. ``locate``: how errors say where a value is.

    ``number``: of the rows, if known before a long list of them is read.
    """

    source: Sequence[Any] | LongList
    locate: Locate
    order: Order | None = None
    number: int | None = None


class TableReader:
    """Finds the rows of a body. ``tensor``: the name of the only input of a model whose features have no names.

    ``ignored``: columns that a table may have besides. All raise ServerError ``invalid_input`` or ``too_deep``.
    """

    def __init__(self, features: Sequence[Feature], tensor: str | None, ignored: frozenset[str]) -> None:
        self._names = [feature.name for feature in features]
        self._converters = converters(features)
        self._tensor = tensor
        self._ignored = ignored
        self._last_columns: list[Any] | None = None  # clients mostly send the columns that they sent before
        self._last_order: Order | None = None

        self.opening = opening_of("data", *FORMS[1:], *([] if tensor is None else [tensor]))

    def of_csv(self, table: Table) -> Rows:
        """The rows of a table in CSV; a cell that is no value of its feature stays text."""
        columns, rows, typed = table
        order = self._order_of(columns, "header")
        if typed:
            return Rows(rows, _locate_in_csv, order)
        width = len(self._names)

        def convert(some: list[list[str]]) -> list[Any]:
            in_order = some if order is None else order(some)
            return [self._converted(cells) if len(cells) == width else cells for cells in in_order]

        return Rows(rows, _locate_in_csv, convert)

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
        return Rows(_listed_rows(table, form), _locate_in(form))

    def of_cut(self, body: CutBody) -> Rows:
        """The rows of a document whose lists were cut out at ``opening``. Raises NotCut as well."""
        document = body.document
        if type(document) is dict:
            body.put_back(document.get("dataframe_split"), "data")
            for form in FORMS:
                body.put_back(document, form)
            if self._tensor is not None:
                body.put_back(document.get("inputs"), self._tensor)
        body.check_whole()
        return self.of_json(document)

    def _split_rows(self, table: Any) -> Rows:
        if type(table) is not dict or "data" not in table or not table.keys() <= SPLIT_KEYS:
            refuse(
                table,
                "dataframe_split: expected an object with 'data', and with 'columns' and 'index' if you like",
            )
        rows = _listed_rows(table["data"], "dataframe_split.data")
        index = table.get("index")
        number = None if isinstance(rows, LongList) else len(rows)
        if index is not None:
            if type(index) is not list or number not in (None, len(index)):
                refuse(index, f"dataframe_split.index: expected a list of {number}, one for each row")
            number = len(index)
        columns, where = table.get("columns"), "dataframe_split.columns"
        order = None if columns is None else self._order_of(_listed_rows(columns, where), where)
        return Rows(rows, _locate_in("dataframe_split.data"), order, number)

    def _column_rows(self, table: dict[str, Any]) -> Rows:
        """The rows of ``inputs`` as an object: a list per feature, a value per feature (one row), or the tensor."""
        if self._tensor is not None and table.keys() == {self._tensor}:
            where = f"inputs.{self._tensor}"
            return Rows(_listed_rows(table[self._tensor], where), _locate_in(where))
        columns = list(table.values())
        if not any(type(column) is list for column in columns):
            return Rows([table], _locate_in("inputs"))
        places = self._places(list(table), "inputs")
        if not all(type(column) is list and len(column) == len(columns[0]) for column in columns):
            refuse(table, "inputs: expected a list of one length for every feature, or a value for each: one row")

        def turn(some: range) -> list[Any]:
            return list(map(list, zip(*(columns[at][some.start : some.stop] for at in places), strict=True)))

        return Rows(range(len(columns[0])), _locate_in_columns, turn)

    def _order_of(self, columns: list[Any], where: str) -> Order | None:
        """Puts rows in schema order; a row of another width stays as it is, for `RowReader` to refuse."""
        if columns == self._names:
            return None
        if columns == self._last_columns:
            return self._last_order
        order = self._make_order(columns, where)
        if set(map(type, columns)) == {str}:  # 1 equals true, which is no column
            self._last_columns, self._last_order = columns, order
        return order

    def _make_order(self, columns: list[Any], where: str) -> Order | None:
        places = self._places(columns, where)
        width, needed = len(columns), len(places)

        def order(rows: list[Any]) -> list[Any]:
            if width > needed and any(type(row) is list and len(row) == needed for row in rows):
                refuse(rows, f"{where}: there are {width} columns, but a row has {needed} values")
            return [[row[at] for at in places] if type(row) is list and len(row) == width else row for row in rows]

        return None if places == list(range(width)) and width == needed else order

    def _places(self, columns: list[Any], where: str) -> list[int]:
        """The position of each feature among ``columns``; the numbers 0, 1, ... are positions, not names."""
        names = self._names
        given = [str(name) if type(name) is int else name for name in columns]
        if given == [str(number) for number in range(len(names))] and not set(given) & set(names):
            return list(range(len(names)))
        at = {name: position for position, name in enumerate(given) if type(name) is str}
        if missing := [name for name in names if name not in at]:
            refuse(columns, f"{where}: {lacking(missing)}: this model takes {listed(names)}")
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


def _listed_rows(table: Any, where: str) -> Any:
    if type(table) is not list and type(table) is not LongList:
        refuse(table, f"{where}: expected a list, got {shown(table)}")
    return table


def _locate_in(where: str) -> Locate:
    return lambda row, name: f"{where}[{row}], feature '{name}'" if name else f"{where}[{row}]"


def _locate_in_columns(row: int, name: str) -> str:
    return f"inputs, value {row} of feature '{name}'"


def _locate_in_csv(row: int, name: str) -> str:
    return f"row {row + 1}, feature '{name}'" if name else f"row {row + 1}"
