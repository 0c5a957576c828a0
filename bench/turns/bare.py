"""Measures what a request costs without a server, in a process of its own: ``python -m bench.turns.bare SPEC OUT``.

SPEC is JSON, one object a model: name, artefact, rows (as lists), body (of the request that is decoded), counts (how
many rows a run takes). OUT gets the costs by name, in microseconds of processor time: medians of blocks of calls.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from timeit import Timer
from typing import Any

import numpy as np
import onnxruntime as ort
import orjson

from bench.baselines.fastapi_onnx import DTYPES, feeder, open_session

BLOCKS = 15
BLOCK_S = 0.015


def costs(model: dict[str, Any]) -> dict[str, Any]:
    """The costs of one model."""
    session = open_session(Path(model["artefact"]))
    feed, rows, body = feeder(session), model["rows"], model["body"].encode()
    run_us = {}
    for count in model["counts"]:
        feeds = feed([rows[at % len(rows)] for at in range(count)])
        run_us[count] = microseconds(partial(session.run, None, feeds))
    features = orjson.loads(body)["features"]
    answer = session.run(None, feed(features if isinstance(features[0], list) else [features]))
    decode_us, encode_us = microseconds(lambda: decode(session, body)), microseconds(lambda: encode(answer))
    return {"run_us": run_us, "decode_us": decode_us, "encode_us": encode_us}


def decode(session: ort.InferenceSession, body: bytes) -> Any:
    """The least that JSON can cost: parsed, and made an array of the model's dtype, of objects where columns differ."""
    inputs = session.get_inputs()
    dtype = DTYPES.get(inputs[0].type, object) if len(inputs) == 1 else object
    return np.array(orjson.loads(body)["features"], dtype)


def encode(answer: Sequence[Any]) -> bytes:
    """The label or value of each row, and the highest probability where there are any."""
    label, *others = answer
    reply = {"prediction": label.reshape(len(label)).tolist()}
    if others:
        reply["probability"] = others[0].max(axis=1).tolist()
    return orjson.dumps(reply)


def microseconds(call: Callable[[], object]) -> float:
    """Processor time of one call: the median over ``BLOCKS`` blocks of about ``BLOCK_S``."""
    timer = Timer(call, timer=time.process_time)
    timer.timeit(1)
    each = max(1, int(BLOCK_S / max(timer.timeit(1), 1e-6)))
    return median(timer.repeat(BLOCKS, each)) / each * 1e6


def main(spec: Path, out: Path) -> None:
    """Measure all models of ``spec``."""
    measured = {model["name"]: costs(model) for model in orjson.loads(spec.read_bytes())}
    out.write_bytes(orjson.dumps(measured, option=orjson.OPT_NON_STR_KEYS))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
