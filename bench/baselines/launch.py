"""Owns what the baselines share: the bodies of requests and responses, one uvicorn worker. Knows nothing of models."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from pydantic import BaseModel

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


def arguments(description: str) -> tuple[Path, int]:
    """The model file and the port from the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("model", type=Path, help="the model's file")
    parser.add_argument("--port", type=int, default=8000, help="port on 127.0.0.1 (default: 8000)")
    given = parser.parse_args()
    return given.model, given.port


def serve(app: Callable[..., Any], port: int) -> None:
    """Serve until SIGTERM, with uvloop and httptools, without an access log."""
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        workers=1,  # uvicorn would read WEB_CONCURRENCY, which Heroku's buildpack sets
        access_log=False,
        log_level="warning",
        timeout_keep_alive=KEEP_ALIVE_S,
    )
