"""Owns ``paths``: the same rows by every way that a client may send them, in closed loops on one core.

By `/predict` as lists (``plain``), as objects by name, as MLflow has them, by the Open Inference Protocol in JSON, in
binary and compressed, and by `/predict` with a key. A model of texts and numbers stands beside, both ways.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from bench.baselines.predictors import open_session
from bench.baselines.systems import System, dynonnx, repository_of
from bench.load.cases import Case
from bench.load.models import ModelUnderTest
from bench.record.targets import FRONT, PLAIN
from bench.turns.closed_loop import Pairing

_KEY = "a-key-of-the-bench"


def pairings(models: Mapping[str, ModelUnderTest], mixed: str, folder: Path) -> list[Pairing]:
    """``models``: the front and ``mixed``, the one of texts and numbers."""
    open_server = dynonnx(repository_of([*models.values()], folder), FRONT)
    keyed = replace(open_server, name="keyed", environment={**open_server.environment, "DYNONNX_API_KEYS": _KEY})
    front, other = models[FRONT], models[mixed]
    with_key = {"Authorization": f"Bearer {_KEY}"}
    of_mixed = [replace(case, path=f"/models/{mixed}/predict") for case in other.cases]
    every: list[tuple[str, System, list[Case]]] = [
        (PLAIN, open_server, front.cases),
        ("with a key", keyed, [replace(case, headers=with_key) for case in front.cases]),
        ("by name", open_server, by_name(front, front.cases)),
        ("/invocations", open_server, [*invocations(front)]),
        ("v2", open_server, [*tensors(front)]),
        ("v2 binary", open_server, [*binary(front)]),
        ("v2 gzip", open_server, [compressed(case) for case in tensors(front)]),
        (mixed, open_server, of_mixed),
        (f"{mixed} by name", open_server, by_name(other, of_mixed)),
    ]
    return [Pairing(*each) for each in every]


def row_of(case: Case) -> list[Any]:
    """The one row of a case of `/predict`."""
    row: list[Any] = orjson.loads(case.body)["features"]
    return row


def columns_of(model: ModelUnderTest) -> list[str]:
    """The names of a model's features, as its artefact has them."""
    told = open_session(model.artefact).get_modelmeta().custom_metadata_map["dynonnx.features"]
    return [feature["name"] for feature in orjson.loads(told)]


def by_name(model: ModelUnderTest, cases: list[Case]) -> list[Case]:
    """The rows as objects."""
    names = columns_of(model)
    rows = [dict(zip(names, row_of(case), strict=True)) for case in cases]
    return [replace(case, body=orjson.dumps({"features": row})) for case, row in zip(cases, rows, strict=True)]


def invocations(model: ModelUnderTest) -> Iterator[Case]:
    """The rows as MLflow's clients send a table."""
    columns = columns_of(model)
    for case in model.cases:
        body = {"dataframe_split": {"columns": columns, "data": [row_of(case)]}}
        yield Case("/invocations", orjson.dumps(body), {"predictions": [case.expected["prediction"]]})


def tensors(model: ModelUnderTest) -> Iterator[Case]:
    """The rows as tensors in JSON, and what ONNX Runtime itself gives."""
    session = open_session(model.artefact)
    name = session.get_inputs()[0].name
    outputs = [output.name for output in session.get_outputs()]
    for case in model.cases:
        row = row_of(case)
        answers = session.run(None, {name: np.array([row])})
        asked = {"name": name, "shape": [1, len(row)], "datatype": "FP64", "data": row}
        expected = [_tensor(*each) for each in zip(outputs, answers, strict=True)]
        yield Case(f"/v2/models/{model.name}/infer", orjson.dumps({"inputs": [asked]}), {"outputs": expected})


def _tensor(name: str, values: Any) -> dict[str, Any]:
    datatype = {"f": "FP32", "d": "FP64", "l": "INT64"}.get(values.dtype.char, "BYTES")
    return {"name": name, "datatype": datatype, "shape": list(values.shape), "data": values.ravel().tolist()}


def binary(model: ModelUnderTest) -> Iterator[Case]:
    """The same with the row's numbers in binary behind the JSON."""
    for case, plain in zip(tensors(model), model.cases, strict=True):
        (asked,) = orjson.loads(case.body)["inputs"]
        data = np.array(row_of(plain)).tobytes()
        del asked["data"]
        head = orjson.dumps({"inputs": [asked | {"parameters": {"binary_data_size": len(data)}}]})
        yield replace(case, body=head + data, headers={"Inference-Header-Content-Length": str(len(head))})


def compressed(case: Case) -> Case:
    """The same with a body by gzip."""
    return replace(case, body=gzip.compress(case.body, mtime=0), headers={"Content-Encoding": "gzip"})
