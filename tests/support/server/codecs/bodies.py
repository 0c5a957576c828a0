"""Bodies of every kind, made of a number: right ones, and ones that are wrong in a place or two."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

import numpy as np

from server.artefact.metadata import Feature
from server.artefact.tensors import TensorSpec
from server.codecs.codec import Codec
from server.codecs.json.fields import values
from server.codecs.json.group import JsonGroup
from server.codecs.mlflow.codec import MlflowCodec
from server.codecs.predict import PredictCodec
from server.codecs.rows import RowReader
from server.codecs.v2.body import TensorHead
from server.codecs.v2.codec import TensorCodec

MAX_ROWS = 40
WIDTHS = {"float64": 3, "float32": 1, "int64": 2, "nullable": 4, "mixed": 3, "strings": 2}
SPACES = ("", "", "", "", " ", " ", "\n  ", "\t", " \r\n")
NUMBERS = ("0", "1", "-7", "2.5", "-0", "-0.0", "1e5", "1E-7", "12345678901234567890", "1e300", "1e-400", "0.1", "3e+2")
ODD = (
    *(
        "true",
        "false",
        "null",
        "[]",
        "{}",
        "[1]",
        "[[1,2],[3]]",
        '{"a":1}',
        '"x"',
        '"a],[b"',
        '"]]"',
        '"}],"',
        '"\\"t"',
    ),
    *('"\\u00e9é"', "NaN", "Infinity", "1e400", "01", "1.", ".5", "+1", "-", "", "tru", '"', "9" * 400, "\ufdd0"),
    '"\ufdd0"',
)
TEXTS = ('"x"', '"y"', '""', '"t,f"', '"}],[{"', '"[["', '"\\\\"', '"é"')
JUNK = b'[]{},:"\\tf0 \n\xff1e-'


class Body(NamedTuple):
    """A body for a codec. ``described``: what its headers say."""

    codec: Codec
    described: Any
    text: bytes


def _features(kind: str) -> tuple[Feature, ...]:
    width = WIDTHS[kind]
    if kind == "mixed":
        return (
            Feature("a", "float64", "X"),
            Feature("b", "float64", "X", nullable=True),
            Feature("c", "string", "S", categories=("x", "y")),
        )
    dtype: Any = {"nullable": "float32", "strings": "string"}.get(kind, kind)
    return tuple(Feature(f"f{at}", dtype, "X", nullable=kind == "nullable") for at in range(width))


def _group() -> JsonGroup:
    return JsonGroup([], ["y"], {"y": values(0)}, "1")


FEATURES = {kind: _features(kind) for kind in WIDTHS}
PREDICT = {kind: PredictCodec(RowReader(own, ["z"]), _group(), _group(), MAX_ROWS) for kind, own in FEATURES.items()}
MLFLOW = {
    kind: MlflowCodec(RowReader(own, ["z"]), own, _group(), MAX_ROWS, "X", ["z"]) for kind, own in FEATURES.items()
}
DTYPES = dict(zip(WIDTHS, ("FP64", "FP32", "INT64", "FP32", "BOOL", "BYTES"), strict=True))


def _tensors(kind: str) -> TensorCodec:
    dtype: Any = {"nullable": np.float32, "mixed": np.bool_, "strings": np.object_}.get(kind, kind)
    inputs = [TensorSpec(name, np.dtype(dtype), (None, WIDTHS[kind])) for name in ("X", "data")]
    output = TensorSpec("y", np.dtype(np.float32), (None, 1))
    return TensorCodec(
        "m", "1", inputs, [output], row_independent=True, labels={}, max_rows=MAX_ROWS, max_body_bytes=1 << 20
    )


V2 = {kind: _tensors(kind) for kind in WIDTHS}


class _Writer:
    """Writes JSON by hand: with white space, keys in any order, and now and then something odd."""

    def __init__(self, random: Random, oddness: float) -> None:
        self._random = random
        self._oddness = oddness
        self._spaced = random.random() < 0.4

    def odd(self) -> bool:
        return self._random.random() < self._oddness

    def _space(self) -> str:
        return self._random.choice(SPACES) if self._spaced else ""

    def listed(self, items: Sequence[str]) -> str:
        return "[" + ",".join(f"{self._space()}{item}{self._space()}" for item in items) + "]"

    def keyed(self, items: Sequence[tuple[str, str]]) -> str:
        pairs = [*items]
        if self._random.random() < 0.3:
            self._random.shuffle(pairs)
        if pairs and self.odd():
            pairs.append(self._random.choice(pairs))
        if self.odd():
            pairs.append((self._random.choice(("z", "x", "a", "data", "features")), self._random.choice(ODD)))
        return (
            "{"
            + ",".join(f'{self._space()}"{key}"{self._space()}:{self._space()}{value}' for key, value in pairs)
            + "}"
        )

    def value(self, kind: str, at: int = 0) -> str:
        if self.odd():
            return self._random.choice(ODD)
        if kind == "strings" or (kind == "mixed" and at == 2):
            return self._random.choice(TEXTS[: 2 if kind == "mixed" else None])
        if kind in ("nullable", "mixed") and at and self._random.random() < 0.2:
            return "null"
        return self._random.choice(NUMBERS[: {"int64": 3, "float64": None}.get(kind, 9)])

    def row(self, kind: str, names: Sequence[str], named: bool) -> str:
        width = self._random.randrange(6) if self.odd() else len(names)
        cells = [self.value(kind, at) for at in range(width)]
        return self.keyed(list(zip(names, cells, strict=False))) if named else self.listed(cells)

    def rows(self, kind: str, count: int, named: bool) -> str:
        names = [feature.name for feature in FEATURES[kind]]
        rows = [self.row(kind, names, named != self.odd()) for _ in range(count)]
        return self._random.choice(ODD) if self.odd() else self.listed(rows)


def _predict(random: Random, writer: _Writer, kind: str, count: int) -> str:
    rows = writer.rows(kind, count, random.random() < 0.3) if random.random() < 0.95 else writer.row(kind, "abc", False)
    items = [("features", rows)]
    if random.random() < 0.3:
        items.append(("probabilities", random.choice(("true", "false", "false", "1"))))
    return writer.keyed(items)


def _mlflow(random: Random, writer: _Writer, kind: str, count: int) -> str:
    names = [feature.name for feature in FEATURES[kind]]
    form = random.choice(("dataframe_split", "dataframe_records", "instances", "inputs", "columns", "tensor"))
    if form == "dataframe_split":
        columns = random.sample(names, len(names)) if random.random() < 0.3 else names
        items = [("data", writer.rows(kind, count, False))]
        if random.random() < 0.6:
            items.insert(0, ("columns", writer.listed([f'"{name}"' for name in columns])))
        if random.random() < 0.4:
            items.insert(0, ("index", writer.listed([str(at) for at in range(count + writer.odd())])))
        return writer.keyed([(form, writer.keyed(items))])
    if form == "columns":
        lists = [writer.listed([writer.value(kind, at) for _ in range(count)]) for at in range(len(names))]
        return writer.keyed([("inputs", writer.keyed(list(zip(names, lists, strict=True))))])
    if form == "tensor":
        return writer.keyed([("inputs", writer.keyed([("X", writer.rows(kind, count, False))]))])
    return writer.keyed([(form, writer.rows(kind, count, form == "dataframe_records"))])


def _v2(random: Random, writer: _Writer, kind: str, count: int) -> str:
    tensors = []
    for name in ("X", "data"):
        cells = [
            random.choice(("true", "false")) if kind == "mixed" else writer.value(kind)
            for _ in range(count * WIDTHS[kind])
        ]
        nested = [writer.listed(cells[at : at + WIDTHS[kind]]) for at in range(0, len(cells), WIDTHS[kind])]
        data = writer.listed(nested if random.random() < 0.5 else cells)
        shape = f"[{count + writer.odd()},{WIDTHS[kind]}]"
        items = [("name", f'"{name}"'), ("shape", shape), ("datatype", f'"{DTYPES[kind]}"'), ("data", data)]
        tensors.append(writer.keyed(items))
    items = [("inputs", writer.listed(tensors))]
    if random.random() < 0.3:
        items.append(("outputs", '[{"name":"y"}]'))
    return writer.keyed(items)


PROTOCOLS: tuple[tuple[Any, Any, Any], ...] = (
    (PREDICT, None, _predict),
    (MLFLOW, "json", _mlflow),
    (V2, TensorHead(), _v2),
)


def make_body(number: int) -> Body:
    """The body of a number; the same in every process."""
    random = Random(number)
    writer = _Writer(random, random.choice((0.0, 0.0, 0.003, 0.003, 0.02)))
    kind, count = random.choice(list(WIDTHS)), random.choice((1, 2, 7, 20, 30, 40, 40, 41))
    codec, described, write = random.choice(PROTOCOLS)
    text = bytearray(write(random, writer, kind, count).encode("utf-8", "surrogatepass"))
    for _ in range(random.choice((0, 0, 0, 0, 0, 1, 2))):
        at = random.randrange(len(text) + 1)
        text[at : at + random.randrange(3)] = bytes(random.choices(JUNK, k=random.randrange(3)))
    if random.random() < 0.03:
        del text[random.randrange(len(text) + 1) :]
    return Body(codec[kind], described, bytes(text))
