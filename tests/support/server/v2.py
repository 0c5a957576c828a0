"""The v2 protocol as a test speaks it, by hand: requests as bytes, answers as arrays."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson

from server.errors import ServerError
from tests.support.server.doors import Reply

NAMES = {
    "bool": "BOOL",
    **{f"{u}int{bits}": f"{u.upper()}INT{bits}" for u in ("", "u") for bits in (8, 16, 32, 64)},
    **{f"float{bits}": f"FP{bits}" for bits in (16, 32, 64)},
    "object": "BYTES",
}
DTYPES = {datatype: np.dtype(name) for name, datatype in NAMES.items()}


def attempt(call: Callable[[], Any]) -> tuple[Any, ServerError | None]:
    """What a call gives, or how it refuses."""
    try:
        return call(), None
    except ServerError as error:
        return None, error


def to_bytes(array: Any) -> bytes:
    """An array in binary: little-endian, row-major, texts with their lengths."""
    if array.dtype != np.object_:
        return bytes(array.tobytes())
    texts = [text.encode() for text in array.reshape(-1)]
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def from_bytes(data: bytes, datatype: str, shape: Sequence[int]) -> Any:
    """The array that binary data holds."""
    if datatype != "BYTES":
        return np.frombuffer(data, DTYPES[datatype]).reshape(shape)
    texts, at = [], 0
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at)
        texts.append(data[at + 4 : at + 4 + length].decode())
        at += 4 + length
    return np.array(texts, np.object_).reshape(shape)


@dataclass
class Request:
    """One request: arrays by input, which of them travel in binary, and what stands beside them."""

    inputs: Mapping[str, Any]
    binary: Sequence[str] | bool = True
    outputs: Sequence[dict[str, Any]] | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    request_id: str | None = None

    def parts(self) -> tuple[bytes, bytes]:
        """The JSON and the binary data."""
        described, data = [], b""
        for name, array in self.inputs.items():
            tensor: dict[str, Any] = {"name": name, "shape": array.shape, "datatype": NAMES[array.dtype.name]}
            if self.binary is True or (self.binary and name in self.binary):
                own = to_bytes(array)
                tensor["parameters"] = {"binary_data_size": len(own)}
                data += own
            else:
                tensor["data"] = array.reshape(-1).tolist()
            described.append(tensor)
        document: dict[str, Any] = {"inputs": described}
        if self.outputs is not None:
            document["outputs"] = self.outputs
        if self.parameters:
            document["parameters"] = self.parameters
        if self.request_id is not None:
            document["id"] = self.request_id
        return orjson.dumps(document), data

    def post(self, model: str, *headers: bytes, version: str | None = None) -> bytes:
        """The whole request."""
        json, data = self.parts()
        own = (b"Inference-Header-Content-Length: %d" % len(json),) if self.binary is not False else ()
        return post(model, json + data, *own, *headers, version=version)


def post(model: str, body: bytes, *headers: bytes, version: str | None = None) -> bytes:
    """A POST of a body to the infer route of a model, as the sync client writes it: without a Content-Type."""
    path = f"/v2/models/{model}" + (f"/versions/{version}" if version else "") + "/infer"
    lines = [b"POST %b HTTP/1.1" % path.encode(), b"Host: test", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join([*lines, b"", b""]) + body


def read(reply: Reply, body: bytes | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The JSON of an answer, and its outputs as arrays. ``body``: the unpacked one, where it was compressed."""
    assert reply.status == 200, reply.body
    whole = reply.body if body is None else body
    length = int(reply.headers.get("inference-header-content-length", len(whole)))
    document = orjson.loads(whole[:length])
    at, arrays = length, {}
    for output in document["outputs"]:
        size = output.get("parameters", {}).get("binary_data_size")
        if size is None:
            flat = np.array(output["data"], DTYPES[output["datatype"]])
            arrays[output["name"]] = flat.reshape(output["shape"])
        else:
            arrays[output["name"]] = from_bytes(whole[at : at + size], output["datatype"], output["shape"])
            at += size
    assert at == len(whole)
    return document, arrays
