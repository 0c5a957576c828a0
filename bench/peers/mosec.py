"""mosec in its best form: its front in Rust gathers requests for one Python worker.

Batches of 32 that wait 1 ms: mosec waits the whole time for a batch that is not full, so a larger one would make 32
connections wait for nothing, and costs no less at 128. orjson in place of json, whose default form is indented.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson
from mosec import Server, Worker

from bench.baselines.predictors import onnx_predictor
from bench.peers.answering import as_answers


class Model(Worker):  # type: ignore[misc]
    """One batch, one run."""

    def __init__(self) -> None:
        super().__init__()
        self.ask = onnx_predictor(Path(os.environ["PEER_MODEL"]))

    def deserialize(self, data: bytes) -> Any:
        """The row of one request."""
        return orjson.loads(data)["features"]

    def forward(self, data: list[Any]) -> list[dict[str, Any]]:
        """The answers to a batch of rows."""
        return as_answers(*self.ask(data))

    def serialize(self, data: Any) -> bytes:
        """One answer."""
        return orjson.dumps(data)


if __name__ == "__main__":
    server = Server()
    server.append_worker(Model, num=1, max_batch_size=32, max_wait_time=1, route="/predict")
    server.run()
