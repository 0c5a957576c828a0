"""The server that people write next: FastAPI, pydantic in and out, one ONNX Runtime ``run`` per request.

``python -m bench.baselines.fastapi_onnx models/iris/1/model.onnx --port 8002``. One thread, as one dyno has about one
core. It serves the artefact that dynonnx serves, so that both do the same arithmetic.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from fastapi import FastAPI

from bench.baselines.launch import Predict, fastapi_app, main

DTYPES = {"tensor(double)": "f8", "tensor(float)": "f4", "tensor(int64)": "i8", "tensor(bool)": "?"}


def open_session(model_file: Path) -> ort.InferenceSession:
    """One session with one thread."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return ort.InferenceSession(model_file, options, providers=["CPUExecutionProvider"])


def feeder(session: ort.InferenceSession) -> Callable[[list[Any]], dict[str, Any]]:
    """A function from rows to the session's inputs: one matrix, or a matrix per dtype of a mixed table."""
    dtypes = {each.name: DTYPES.get(each.type, object) for each in session.get_inputs()}
    if len(dtypes) == 1:
        ((only, dtype),) = dtypes.items()
        return lambda rows: {only: np.array(rows, dtype)}
    columns: dict[str, list[int]] = {name: [] for name in dtypes}  # which of a row's cells make up each input
    for at, feature in enumerate(json.loads(session.get_modelmeta().custom_metadata_map["dynonnx.features"])):
        columns[feature["input"]].append(at)

    def feed(rows: list[Any]) -> dict[str, Any]:
        return {name: np.array([[row[at] for at in columns[name]] for row in rows], dtypes[name]) for name in dtypes}

    return feed


def predictor(model_file: Path) -> Predict:
    """The label or value of each row, and the highest probability where there are any, by one run."""
    session = open_session(model_file)
    feed = feeder(session)

    def predict(rows: list[Any]) -> tuple[list[Any], list[float] | None]:
        label, *others = session.run(None, feed(rows))
        return label.reshape(len(rows)).tolist(), others[0].max(axis=1).tolist() if others else None

    return predict


def create_app(model_file: Path) -> FastAPI:
    """The application with its session open."""
    return fastapi_app(predictor(model_file))


if __name__ == "__main__":
    main(create_app)
