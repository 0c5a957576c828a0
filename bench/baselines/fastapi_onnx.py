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

from bench.baselines.launch import Cell, PredictRequest, PredictResponse, arguments, serve

DTYPES = {"tensor(double)": "f8", "tensor(float)": "f4", "tensor(int64)": "i8", "tensor(bool)": "?"}


def open_session(model_file: Path) -> ort.InferenceSession:
    """One session with one thread."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return ort.InferenceSession(model_file, options, providers=["CPUExecutionProvider"])


def create_app(model_file: Path) -> FastAPI:
    """The application with its session open."""
    session = open_session(model_file)
    feed = feeder(session)
    app = FastAPI(title="fastapi_onnx")

    @app.post("/predict", response_model_exclude_none=True)
    async def predict(request: PredictRequest) -> PredictResponse:
        single = not isinstance(request.features[0], list)
        rows: Any = [request.features] if single else request.features
        label, *others = session.run(None, feed(rows))
        predictions = label.reshape(len(rows)).tolist()
        if not others:
            return PredictResponse(prediction=predictions[0] if single else predictions)
        probabilities = others[0].max(axis=1).tolist()
        if single:
            return PredictResponse(prediction=predictions[0], probability=probabilities[0])
        return PredictResponse(prediction=predictions, probability=probabilities)

    return app


def feeder(session: ort.InferenceSession) -> Callable[[list[Any]], dict[str, Any]]:
    """A function from rows to the session's inputs: one matrix, or a matrix per dtype of a mixed table."""
    inputs = [(each.name, DTYPES.get(each.type, object)) for each in session.get_inputs()]
    if len(inputs) == 1:
        (only, dtype) = inputs[0]
        return lambda rows: {only: np.array(rows, dtype)}
    columns = columns_of_inputs(session)

    def feed(rows: list[list[Cell]]) -> dict[str, Any]:
        return {name: np.array([[row[at] for at in columns[name]] for row in rows], dtype) for name, dtype in inputs}

    return feed


def columns_of_inputs(session: ort.InferenceSession) -> dict[str, list[int]]:
    """Which of a row's cells make up each input, as the artefact's own schema has it."""
    columns: dict[str, list[int]] = {}
    for at, feature in enumerate(json.loads(session.get_modelmeta().custom_metadata_map["dynonnx.features"])):
        columns.setdefault(feature["input"], []).append(at)
    return columns


if __name__ == "__main__":
    _model, _port = arguments("ONNX Runtime behind FastAPI.")
    serve(create_app(_model), _port)
