"""The server of those who drop the framework: a bare ASGI callable on uvicorn, one ONNX Runtime ``run`` per request.

``python -m bench.baselines.raw_asgi models/iris/1/model.onnx --port 8003``. It checks nothing of what it is sent: no
server in Python that runs the model once per request, on uvicorn, has less to do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import orjson

from bench.baselines.fastapi_onnx import feeder, open_session
from bench.baselines.launch import arguments, serve

Message = MutableMapping[str, Any]
App = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]


def create_app(model_file: Path) -> App:
    """The application with its session open."""
    session = open_session(model_file)
    feed = feeder(session)

    def answer(body: bytes) -> bytes:
        features = orjson.loads(body)["features"]
        single = not isinstance(features[0], list)
        rows = [features] if single else features
        label, *others = session.run(None, feed(rows))
        response = {"prediction": label.reshape(len(rows)).tolist()}
        if others:
            response["probability"] = others[0].max(axis=1).tolist()
        if single:
            response = {key: values[0] for key, values in response.items()}
        return orjson.dumps(response | {"model_version": "1"})

    async def app(
        scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
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
    _model, _port = arguments("ONNX Runtime behind a bare ASGI callable.")
    serve(create_app(_model), _port)
