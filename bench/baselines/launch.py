"""Owns what the baselines share: command line, FastAPI's part, one uvicorn worker. Knows nothing of models."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

KEEP_ALIVE_S = 95  # above the 90 s of Heroku's router, as a well-kept app has it
Cell = float | str | None
Predict = Callable[[list[Any]], tuple[list[Any], list[float] | None]]  # rows to predictions and probabilities


class PredictRequest(BaseModel):
    """One row, or a list of rows, in the order of the model's columns."""

    features: list[Cell] | list[list[Cell]]


class PredictResponse(BaseModel):
    """One answer, or lists of them where rows came as a list. A regressor has no probability."""

    prediction: Any
    probability: float | list[float] | None = None
    model_version: str = "1"


def fastapi_app(predict_rows: Predict) -> FastAPI:
    """FastAPI as tutorials have it: an async endpoint, pydantic in and out."""
    app = FastAPI()

    @app.post("/predict", response_model_exclude_none=True)
    async def predict(request: PredictRequest) -> PredictResponse:
        single = not isinstance(request.features[0], list)
        predictions, probabilities = predict_rows([request.features] if single else request.features)
        if not single:
            return PredictResponse(prediction=predictions, probability=probabilities)
        return PredictResponse(prediction=predictions[0], probability=probabilities and probabilities[0])

    return app


def main(create_app: Callable[[Path], Callable[..., Any]]) -> None:
    """Serve the model file of the command line until SIGTERM, with uvloop and httptools, without an access log."""
    parser = argparse.ArgumentParser(description="A baseline to compare dynonnx with.")
    parser.add_argument("model", type=Path, help="the model's file")
    parser.add_argument("--port", type=int, default=8000, help="port on 127.0.0.1 (default: 8000)")
    given = parser.parse_args()
    uvicorn.run(
        create_app(given.model),
        host="127.0.0.1",
        port=given.port,
        loop="uvloop",
        http="httptools",
        workers=1,  # uvicorn would read WEB_CONCURRENCY, which Heroku's buildpack sets
        access_log=False,
        log_level="warning",
        timeout_keep_alive=KEEP_ALIVE_S,
    )
