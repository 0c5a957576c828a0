"""Ray Serve in its best form: one replica behind Serve's own HAProxy, requests gathered by ``serve.batch``.

``RAY_SERVE_THROUGHPUT_OPTIMIZED`` and ``RAY_SERVE_ENABLE_HA_PROXY``, as its guide to high throughput has them, are set
where it is started. A replica reads the body itself, without FastAPI; orjson in place of json. Batches of 64 that wait
2 ms: by default they would wait 10.
"""

import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import orjson
import ray
from ray import serve
from starlette.requests import Request
from starlette.responses import Response

from bench.baselines.predictors import onnx_predictor
from bench.peers.answering import as_answers


@serve.deployment(num_replicas=1, max_ongoing_requests=1000, ray_actor_options={"num_cpus": 1})
class Model:
    """One batch, one run."""

    def __init__(self, file: str) -> None:
        self.ask = onnx_predictor(Path(file))

    @serve.batch(max_batch_size=64, batch_wait_timeout_s=0.002)  # type: ignore[untyped-decorator]
    async def predict(self, rows: list[Any]) -> list[dict[str, Any]]:
        """The answers to a batch of rows."""
        return as_answers(*self.ask(rows))

    async def __call__(self, request: Request) -> Response:
        """One request, as JSON."""
        answer = await self.predict(orjson.loads(await request.body())["features"])
        return Response(orjson.dumps(answer), media_type="application/json")


if __name__ == "__main__":
    ray.init(
        address="local",
        num_cpus=1,
        include_dashboard=False,
        object_store_memory=100_000_000,
        log_to_driver=False,
        logging_level="WARNING",
    )
    serve.start(
        http_options={"host": "127.0.0.1", "port": int(sys.argv[1])}, logging_config={"enable_access_log": False}
    )
    model = Model.bind(os.environ["PEER_MODEL"])  # type: ignore[attr-defined]
    serve.run(model, route_prefix="/predict")
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    ray.shutdown()
    shutil.rmtree(Path(os.environ["RAY_SERVE_HAPROXY_SOCKET_PATH"]).parent, ignore_errors=True)
