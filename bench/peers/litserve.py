"""LitServe in its best form: one worker process behind one FastAPI process, batches gathered for 2 ms.

``fast_queue`` (ZeroMQ) in place of the queue of a multiprocessing manager, uvicorn with uvloop and httptools, no access
log. With ``batch_timeout=0`` its worker would keep the core busy while nobody asks, and take it from the front.
"""

import os
import sys
from pathlib import Path
from typing import Any

import litserve
from fastapi import Request

from bench.baselines.predictors import onnx_predictor
from bench.peers.answering import as_answers


class Model(litserve.LitAPI):  # type: ignore[misc]
    """One batch, one run."""

    def setup(self, device: str) -> None:
        """Open the model in the worker."""
        self.ask = onnx_predictor(Path(os.environ["PEER_MODEL"]))

    def decode_request(self, request: Request) -> Any:
        """The row of one request, which the front has read as JSON; its type says so to LitServe at run time."""
        return request["features"]

    def batch(self, inputs: list[Any]) -> list[Any]:
        """Rows as they are: the run makes its array of them."""
        return inputs

    def predict(self, x: list[Any]) -> list[dict[str, Any]]:
        """The answers to a batch of rows."""
        return as_answers(*self.ask(x))

    def unbatch(self, output: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The answers as they are: one a row."""
        return output

    def encode_response(self, output: dict[str, Any]) -> dict[str, Any]:
        """What FastAPI writes as JSON."""
        return output


if __name__ == "__main__":
    api = Model(max_batch_size=64, batch_timeout=0.002, api_path="/predict")
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1, fast_queue=True)
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        num_api_servers=1,
        generate_client_file=False,
        log_level="warning",
        access_log=False,
    )
