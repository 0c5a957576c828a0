"""BentoML in its best form: one worker, its adaptive batching on, an endpoint that needs no thread.

A batchable endpoint takes a list and answers one: each request brings a list of one row. BentoML learns by itself how
long a batch shall wait; at most 128 rows, and half a second before it refuses. Its metrics, spans and access log are
off; uvloop and httptools are there, which its uvicorn takes where it finds them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import bentoml

from bench.baselines.predictors import onnx_predictor
from bench.peers.answering import as_answers


@bentoml.service(workers=1, metrics={"enabled": False}, logging={"access": {"enabled": False}})
class Model:
    """One batch, one run."""

    def __init__(self) -> None:
        self.ask = onnx_predictor(Path(os.environ["PEER_MODEL"]))

    @bentoml.api(batchable=True, max_batch_size=128, max_latency_ms=500)  # type: ignore[untyped-decorator]
    async def predict(self, features: list[list[float]]) -> list[dict[str, Any]]:
        """The answers to a batch of rows."""
        return as_answers(*self.ask(features))
