"""Owns the baselines' programs: a model behind FastAPI, or behind a bare ASGI callable. Knows nothing of measuring.

``python -m bench.baselines.apps fastapi_onnx examples/models/iris/1/model.onnx --port 8002``. Each program imports
only what it needs: its memory is measured.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.types import ASGIApp, Receive, Scope, Send

if TYPE_CHECKING:
    import onnxruntime as ort

KEEP_ALIVE_S = 95  # above the 90 s of Heroku's router, as a well-kept app has it
DTYPES = {"tensor(double)": "f8", "tensor(float)": "f4", "tensor(int64)": "i8", "tensor(bool)": "?"}
Cell = float | str | None
Predict = Callable[[list[Any]], tuple[list[Any], list[float] | None]]  # rows to predictions and highest probabilities


class PredictRequest(BaseModel):
    """One row, or a list of rows, in the order of the model's columns."""

    features: list[Cell] | list[list[Cell]]


class PredictResponse(BaseModel):
    """One answer, or lists of them where rows came as a list. A regressor has no probability."""

    prediction: Any
    probability: float | list[float] | None = None
    model_version: str = "1"


def open_session(model_file: Path) -> ort.InferenceSession:
    """One session with one thread, as one dyno has about one core."""
    import onnxruntime as ort

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


def onnx_predictor(artefact: Path) -> Predict:
    """One ONNX Runtime ``run`` per request, on the artefact that dynonnx serves: both do the same arithmetic."""
    session = open_session(artefact)
    feed = feeder(session)

    def predict(rows: list[Any]) -> tuple[list[Any], list[float] | None]:
        label, *others = session.run(None, feed(rows))
        return label.reshape(len(rows)).tolist(), others[0].max(axis=1).tolist() if others else None

    return predict


def pickle_predictor(pickle: Path) -> Predict:
    """The pickle, given what it can be given without ceasing to be the server that tutorials show.

    Rows go to scikit-learn as an array, not as a DataFrame, where all columns are numbers (a DataFrame costs more than
    the prediction), and scikit-learn's warning about the missing names is off.
    """
    import joblib
    import pandas

    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    model = joblib.load(pickle)
    names = list(model.feature_names_in_)

    def predict(rows: list[Any]) -> tuple[list[Any], list[float] | None]:
        table = np.array(rows)
        if table.dtype.kind != "f":
            cells = [[np.nan if cell is None else cell for cell in row] for row in rows]
            table = pandas.DataFrame(cells, columns=names)
        predictions = model.predict(table).tolist()
        if not hasattr(model, "predict_proba"):
            return predictions, None
        return predictions, model.predict_proba(table).max(axis=1).tolist()

    return predict


def fastapi_app(predict_rows: Predict) -> FastAPI:
    """What people write: an async endpoint, pydantic in and out."""
    app = FastAPI()

    @app.post("/predict", response_model_exclude_none=True)
    async def predict(request: PredictRequest) -> PredictResponse:
        single = not isinstance(request.features[0], list)
        predictions, probabilities = predict_rows([request.features] if single else request.features)
        if not single:
            return PredictResponse(prediction=predictions, probability=probabilities)
        return PredictResponse(prediction=predictions[0], probability=probabilities and probabilities[0])

    return app


def raw_app(predict: Predict) -> ASGIApp:
    """A bare ASGI callable that checks nothing of what it is sent: no server in Python on uvicorn has less to do."""

    def answer(body: bytes) -> bytes:
        features = orjson.loads(body)["features"]
        single = not isinstance(features[0], list)
        predictions, probabilities = predict([features] if single else features)
        response: dict[str, Any] = {"prediction": predictions[0] if single else predictions}
        if probabilities is not None:
            response["probability"] = probabilities[0] if single else probabilities
        return orjson.dumps(response | {"model_version": "1"})

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError("only HTTP is spoken here")
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        output = answer(body)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(output))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": output})

    return app


PROGRAMS: Mapping[str, tuple[Callable[[Path], Predict], Callable[[Predict], ASGIApp]]] = {
    "fastapi_onnx": (onnx_predictor, fastapi_app),
    "fastapi_pickle": (pickle_predictor, fastapi_app),
    "raw_asgi": (onnx_predictor, raw_app),
}


def main() -> None:
    """Serve the program and the model file of the command line until SIGTERM, with uvloop and httptools."""
    parser = argparse.ArgumentParser(description="A baseline to compare dynonnx with.")
    parser.add_argument("program", choices=list(PROGRAMS))
    parser.add_argument("model", type=Path, help="the model's file")
    parser.add_argument("--port", type=int, default=8000, help="port on 127.0.0.1 (default: 8000)")
    given = parser.parse_args()
    load, make_app = PROGRAMS[given.program]
    uvicorn.run(
        make_app(load(given.model)),
        host="127.0.0.1",
        port=given.port,
        loop="uvloop",
        http="httptools",
        workers=1,  # uvicorn would read WEB_CONCURRENCY, which Heroku's buildpack sets
        access_log=False,
        log_level="warning",
        timeout_keep_alive=KEEP_ALIVE_S,
    )


if __name__ == "__main__":
    main()
