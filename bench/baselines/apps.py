"""Owns the baselines' programs: a model behind FastAPI, or behind a bare ASGI callable. Knows nothing of measuring.

``python -m bench.baselines.apps fastapi_onnx examples/models/iris/1/model.onnx --port 8002``. Each program imports
only what it needs: its memory is measured.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.types import ASGIApp, Receive, Scope, Send

from bench.baselines.predictors import Predict, onnx_predictor, pickle_predictor

KEEP_ALIVE_S = 95  # above the 90 s of Heroku's router, as a well-kept app has it
Cell = float | str | None


class PredictRequest(BaseModel):
    """One row, or a list of rows, in the order of the model's columns."""

    features: list[Cell] | list[list[Cell]]


class PredictResponse(BaseModel):
    """One answer, or lists of them where rows came as a list. A regressor has no probability."""

    prediction: Any
    probability: float | list[float] | None = None
    model_version: str = "1"


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
