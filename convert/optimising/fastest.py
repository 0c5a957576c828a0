"""Owns which of several graphs of one model is kept: the fastest that passes the whole proof. Knows no estimators."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from onnx import ModelProto

from convert.optimising.single import FARTHEST, in_single
from convert.proof.enough import MOST_ACCIDENTS as MOST_TIES
from convert.proof.parity import Proof
from server.artefact.runtime import Feed, Runtime

REPEATS = 15
LEAST_GAIN = 1.05  # over one row and many; below that it may be chance, and what is exact is kept
MOST_LOSS = 0.95  # at either of them


@dataclass(frozen=True, slots=True)
class Proven:
    """A graph, its session, and what came of its proof."""

    model: ModelProto
    runtime: Runtime
    proof: Proof


def candidates(model: ModelProto) -> dict[str, ModelProto]:
    """Graphs that may be faster and need not answer alike, by what is other in them."""
    single = in_single(model)
    return {} if single is None else {"products in float32": single}


def fastest(
    safe: Proven, prove: Callable[[Runtime], Proof], feeds: Mapping[str, Feed], models: Mapping[str, ModelProto]
) -> tuple[Proven, dict[str, Any]]:
    """The fastest of ``safe`` and those ``models`` that pass, and what the file says of it.

    ``feeds``: by how many rows they are. What a file says: what was ``kept`` (empty: what is safe), how many times
    faster it is by rows, the largest difference as a share of what the rule allows, in it and in the safe graph, why
    others were not kept, and of what is kept beyond which number its products take another for it (``cut_at``).
    """
    best, kept, gained, left = safe, "", dict.fromkeys(feeds, 1.0), {}
    for name, model in models.items():
        runtime = Runtime(model.SerializeToString())
        gains = {rows: round(_times_faster(safe.runtime, runtime, feed), 2) for rows, feed in feeds.items()}
        if min(gains.values()) < MOST_LOSS or _mean(gains) < LEAST_GAIN * _mean(gained):
            left[name] = "not faster"
        elif (proof := prove(runtime)).wrong or proof.tie_share > max(MOST_TIES, safe.proof.tie_share):
            left[name] = "not equal"
        else:
            best, kept, gained = Proven(model, runtime, proof), name, gains
    worst, before = (max(line.worst for line in proven.proof.lines) for proven in (best, safe))
    told = {"asked": "fast", "kept": kept, "times_faster": gained, "worst": worst, "worst_safe": before, "left": left}
    return best, {**told, "cut_at": FARTHEST} if kept else told


def _mean(gains: Mapping[str, float]) -> float:
    return math.prod(gains.values()) ** (1 / len(gains))


def _times_faster(one: Runtime, other: Runtime, feed: Feed) -> float:
    """In processor time, in turns, so that what slows the machine meanwhile slows both."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(REPEATS):
        for runtime, spent in zip((one, other), seconds, strict=True):
            spent.append(_seconds(runtime, [output.name for output in runtime.outputs], feed))
    return min(seconds[0]) / min(seconds[1])


def _seconds(runtime: Runtime, names: Sequence[str], feed: Feed) -> float:
    began = time.thread_time()
    runtime.run(names, feed)
    return time.thread_time() - began
