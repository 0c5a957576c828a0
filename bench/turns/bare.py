"""Owns what a request costs without a server, in microseconds of processor time. Knows nothing of load."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from timeit import Timer
from typing import Any

import numpy as np
import onnxruntime as ort
import orjson

from bench.baselines.apps import DTYPES, feeder, open_session
from bench.load.models import WIDE, WIDE_ROWS, ModelUnderTest
from bench.machine.processes import pin
from bench.record.results import BareCosts

ROWS = (1, 22, 64)
BLOCKS = 15
BLOCK_S = 0.015


def bare_costs(models: Mapping[str, ModelUnderTest], cores: frozenset[int]) -> dict[str, BareCosts]:
    """The costs of every model, by a process of its own on ``cores``."""
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=_pin_this, initargs=(cores,)) as process:
        return {name: process.submit(costs, *_asked_of(model)).result() for name, model in models.items()}


def costs(artefact: Path, rows: Sequence[Any], body: bytes, counts: Sequence[int]) -> BareCosts:
    """Of runs of ``counts`` rows, and of decoding ``body`` and encoding its answer: medians of blocks of calls."""
    session = open_session(artefact)
    feed, run_us = feeder(session), {}
    for count in counts:
        feeds = feed([rows[at % len(rows)] for at in range(count)])
        run_us[count] = microseconds(partial(session.run, None, feeds))
    features = orjson.loads(body)["features"]
    answer = session.run(None, feed(features if isinstance(features[0], list) else [features]))
    return BareCosts(run_us, microseconds(partial(decode, session, body)), microseconds(partial(encode, answer)))


def decode(session: ort.InferenceSession, body: bytes) -> Any:
    """The least that JSON can cost: parsed, and made an array of the model's dtype, of objects where columns differ."""
    inputs = session.get_inputs()
    dtype = DTYPES.get(inputs[0].type, object) if len(inputs) == 1 else object
    return np.array(orjson.loads(body)["features"], dtype)


def encode(answer: Sequence[Any]) -> bytes:
    """The label or value of each row, and the highest probability where there are any."""
    label, *others = answer
    response = {"prediction": label.reshape(len(label)).tolist()}
    if others:
        response["probability"] = others[0].max(axis=1).tolist()
    return orjson.dumps(response)


def microseconds(call: Callable[[], object]) -> float:
    """Processor time of one call: the median over ``BLOCKS`` blocks of about ``BLOCK_S``."""
    timer = Timer(call, timer=time.process_time)
    timer.timeit(1)
    each = max(1, int(BLOCK_S / max(timer.timeit(1), 1e-6)))
    return median(timer.repeat(BLOCKS, each)) / each * 1e6


def _asked_of(model: ModelUnderTest) -> tuple[Path, Sequence[Any], bytes, Sequence[int]]:
    features = [orjson.loads(case.body)["features"] for case in model.cases[: max(ROWS)]]
    wide = model.name == WIDE
    return model.artefact, features[0] if wide else features, model.cases[0].body, (WIDE_ROWS,) if wide else ROWS


def _pin_this(cores: frozenset[int]) -> None:
    pin(os.getpid(), cores)
