"""The server of those who drop the framework: a bare ASGI callable on uvicorn, one ONNX Runtime ``run`` per request.

``python -m bench.baselines.raw_asgi models/iris/1/model.onnx --port 8003``. It checks nothing of what it is sent: no
server in Python that runs the model once per request, on uvicorn, has less to do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from bench.baselines.fastapi_onnx import predictor
from bench.baselines.launch import main


def create_app(model_file: Path) -> ASGIApp:
    """The application with its session open."""
    predict = predictor(model_file)

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


if __name__ == "__main__":
    main(create_app)
