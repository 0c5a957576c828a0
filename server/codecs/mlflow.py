"""Owns MLflow's scoring protocol, which is SageMaker's too: decodes a table in JSON or CSV. Knows no sessions.

As strict as `/predict`: it accepts and refuses the same rows. Of HTTP it knows the media types of the protocol.
docs/decisions.md: "/invocations takes what MLflow 3.17 takes, but no column too many".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple

from server.artefact.metadata import Artefact, Feature, Role
from server.artefact.tensors import InputLayout, TensorSpec
from server.batching.entry import Entry
from server.codecs.codec import Headers, NoRowsCodec, check_plain
from server.codecs.csv import NUMERIC_DTYPES, converters, read_table
from server.codecs.json_body import parse, parse_in_slices
from server.codecs.json_columns import Field, JsonGroup, group_of_outputs, label_lists, labels, values
from server.codecs.predict import features_of_signature
from server.codecs.refusals import listed, refuse, shown
from server.codecs.rows import Locate, RowReader
from server.codecs.slices import LARGE_BYTES, Slices, contains, discarding, finish
from server.errors import ServerError

Media = Literal["json", "csv"]
FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
SPLIT_KEYS = frozenset({"columns", "data", "index"})
# The first of these roles that a model has is its prediction; a transformer has no `predict` and answers its output.
PREDICTIONS: tuple[Role, ...] = ("label", "value", "transformed", "scores")


def media_of(content_types: Iterable[bytes]) -> Media:
    """The media of a body by its Content-Type headers; JSON without one.

    Raises ServerError ``unsupported_media_type``, also for parameters other than ``charset=utf-8``, as MLflow does.
    """
    media: Media = "json"
    for value in content_types:
        kind, *parameters = (part.strip().lower() for part in value.split(b";"))
        if kind not in (b"application/json", b"text/csv"):
            raise ServerError("unsupported_media_type", "send 'application/json' or 'text/csv' as Content-Type")
        for parameter in filter(None, parameters):
            name, _, text = parameter.partition(b"=")
            if name.strip() != b"charset" or text.strip(b' "') not in (b"utf-8", b"utf8"):
                raise ServerError(
                    "unsupported_media_type",
                    "Content-Type takes no parameter but charset=utf-8; tables are sent as MLflow 2 and later have "
                    f"them: {', '.join(FORMS)}",
                )
        media = "csv" if kind == b"text/csv" else "json"
    return media


def read_media(headers: Headers) -> Media:
    """The media of a body. Raises ServerError ``unsupported_media_type``, also for a compressed body."""
    media = media_of(value for name, value in headers if name.lower() == b"content-type")
    check_plain(headers)
    return media


NO_ROWS = NoRowsCodec(read_media)
Take = Callable[[int, int], list[Any]]  # rows from one number to another, in schema order


class _Rows(NamedTuple):
    """The ``number`` rows of a body, put in order a slice at a time. ``locate``: how errors say where a value is."""

    number: int
    take: Take
    locate: Locate


class MlflowCodec:
    """The protocol for one model. ``tensor``: the name of its only input if its features have no names."""

    reads_headers = True
    counts_stages = False

    def __init__(
        self,
        reader: RowReader,
        features: Sequence[Feature],
        group: JsonGroup,
        max_rows: int,
        tensor: str | None = None,
        ignored: Iterable[str] = (),
    ) -> None:
        self._names = [feature.name for feature in features]
        self._reader = reader
        self._converters = converters(features)
        self._numeric = not ignored and all(feature.dtype in NUMERIC_DTYPES for feature in features)
        self._ignored = frozenset(ignored)
        self._group = group
        self._max_rows = max_rows
        self._tensor = tensor

    def read_headers(self, headers: Headers) -> Media:
        """The media of the body. Raises ServerError ``unsupported_media_type``."""
        return read_media(headers)

    def decode(self, entry: Entry, body: bytes | bytearray) -> Slices[None] | None:
        """Parses and checks a body. Raises ServerError: bad_json or bad_request, too_deep, too_many_rows, ..."""
        slices = self._decode_csv(entry, body) if entry.request == "csv" else self._decode_json(entry, body)
        if len(body) > LARGE_BYTES:
            return slices
        finish(slices)
        return None

    def _decode_csv(self, entry: Entry, body: bytes | bytearray) -> Slices[None]:
        columns, rows, typed = yield from read_table(
            body, self._numeric, self._max_rows, len(self._names) + len(self._ignored)
        )
        yield from discarding(rows, self._fill(entry, self._csv_rows(columns, rows, typed), True))

    def _decode_json(self, entry: Entry, body: bytes | bytearray) -> Slices[None]:
        clean = not (yield from contains(body, b"true", b"false"))
        if len(body) <= LARGE_BYTES:
            yield from self._fill(entry, self._json_rows(parse(body)), clean)
        else:
            document = yield from parse_in_slices(body, self._reader.allowance(self._max_rows))
            yield from discarding(document, self._fill_of_json(entry, document, clean))

    def _fill_of_json(self, entry: Entry, document: Any, clean: bool) -> Slices[None]:
        yield from self._fill(entry, self._json_rows(document), clean)

    def _fill(self, entry: Entry, rows: _Rows, clean: bool) -> Slices[None]:
        if not rows.number:
            raise ServerError("invalid_input", "no rows; send at least one")
        if rows.number > self._max_rows:
            raise ServerError("too_many_rows", f"{rows.number} rows are more than the {self._max_rows} allowed")
        buffers = yield from self._reader.read_in_slices(rows.number, rows.take, clean, rows.locate)
        entry.group = self._group
        entry.request = buffers, False
        entry.rows = rows.number

    def _csv_rows(self, columns: list[str], rows: list[Any], typed: bool) -> _Rows:
        ordered = self._in_order(rows, columns, "header")
        if typed:
            return _Rows(len(rows), ordered, _locate_in_csv)
        width = len(self._names)

        def take(start: int, stop: int) -> list[Any]:
            return [self._converted(cells) if len(cells) == width else cells for cells in ordered(start, stop)]

        return _Rows(len(rows), take, _locate_in_csv)

    def _converted(self, cells: list[str]) -> list[Any]:
        return [convert(cell) for convert, cell in zip(self._converters, cells, strict=True)]

    def _json_rows(self, document: Any) -> _Rows:
        form = _form_of(document)
        table = document[form]
        if form == "dataframe_split":
            return self._split_rows(table)
        if form == "inputs" and type(table) is dict:
            return self._column_rows(table)
        return _as_they_are(_listed_rows(table, form), form)

    def _split_rows(self, table: Any) -> _Rows:
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
        return _Rows(len(rows), ordered, _locate_in("dataframe_split.data"))

    def _column_rows(self, table: dict[str, Any]) -> _Rows:
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

        return _Rows(len(columns[0]), take, _locate_in_columns)

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


def _as_they_are(rows: list[Any], where: str) -> _Rows:
    return _Rows(len(rows), lambda start, stop: rows[start:stop], _locate_in(where))


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


def mlflow_codec(
    artefact: Artefact | None, inputs: tuple[TensorSpec, ...], outputs: Sequence[TensorSpec], max_rows: int
) -> MlflowCodec | None:
    """Makes the codec of a model; None for an ONNX file that is not dynonnx's and has no rows."""
    if artefact is not None:
        reader = RowReader(artefact.features, artefact.ignored)
        group = _group(artefact, reader.layouts)
        group.route_name = "invocations"
        return MlflowCodec(reader, artefact.features, group, max_rows, ignored=artefact.ignored)
    features = features_of_signature(inputs)
    if not features or not outputs:
        return None
    reader = RowReader(features)
    group = group_of_outputs(outputs, None, reader.layouts, "predictions")
    group.route_name = "invocations"
    return MlflowCodec(reader, features, group, max_rows, inputs[0].name)


def _group(artefact: Artefact, layouts: Sequence[InputLayout]) -> JsonGroup:
    """The group of answers ``{"predictions": [...]}``: a value per row, a list where a row has several."""
    role, output = next((role, names[0]) for role in PREDICTIONS if (names := artefact.output_names(role)))
    field: Field = values(0)
    if role == "label":
        classes: Any = artefact.classes
        several = bool(classes) and isinstance(classes[0], tuple)
        field = label_lists(0, classes) if several else labels(0, classes)
    return JsonGroup(layouts, [output], {"predictions": field}, None)
