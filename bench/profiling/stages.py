"""Owns which function belongs to which stage of a request, and each stage's time. Pure: knows no processes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

STAGES = ("parse", "gate", "decode", "batch", "run", "encode", "write")
OTHER = "other"
UNPLACED = "unplaced"  # a file of the server that has no stage below: give it one

# By the file's last two parts; of the protocol, reading and answering are told apart by name.
_OF_FILE = {
    "server/heads.py": "parse",
    "server/limits.py": "parse",
    "server/exchange.py": "write",
    "server/gate.py": "gate",
    "codecs/simple.py": "decode",
    "codecs/rows.py": "decode",
    "codecs/tensors.py": "batch",
    "codecs/answers.py": "encode",
    "server/endpoints.py": "batch",
    "server/batch.py": "batch",
    "server/batcher.py": "batch",
    "server/metrics.py": "batch",
    "server/runtime.py": "run",
}
_COLD = frozenset({"app.py", "routes.py", "worker.py", "arbiter.py", "control.py"})  # /metrics, asked before and after
_PROTOCOL = "server/protocol.py"
_WRITES = frozenset({"answer", "refuse", "flush", "ok_start", "start_of", "is_last", "_read_on"})
_OURS = (("server",), ("codecs",))
_RUNTIME_PACKAGE = "onnxruntime"

Function = tuple[str, int, str]  # file, line, qualified name; a built-in has no file


@dataclass(frozen=True, slots=True)
class Row:
    """A function's own time, without the profiler's.

    What is no file of a stage, built-ins above all, counts to its caller's, and has a row for each caller.
    """

    stage: str
    name: str
    calls: float  # a request
    us: float  # a request


def rows(said: Mapping[str, Any], requests: int) -> list[Row]:
    """All rows of a profile of so many requests, the dearest first."""
    python, builtin = said["bias"]["python"], said["bias"]["builtin"]
    own: dict[Function, float] = {}
    calls: dict[Function, int] = {}
    for key, count, seconds in said["functions"]:
        function: Function = tuple(key)
        if _is_stage(function):
            own[function] = seconds - count * python[0]
            calls[function] = count
    found = []
    for from_, to, count, seconds in said["edges"]:
        caller, callee = tuple(from_), tuple(to)
        bias = python if callee[0] else builtin
        if caller in own:
            own[caller] -= count * bias[1]
        if not _is_stage(callee):
            name = f"{_short(callee)} in {_short(caller)}"
            found.append(Row(stage_of(caller), name, count / requests, _us(seconds - count * bias[0], requests)))
    found += [
        Row(stage_of(each), _short(each), calls[each] / requests, _us(seconds, requests))
        for each, seconds in own.items()
    ]
    return sorted(found, key=lambda row: -row.us)


def totals(every: Sequence[Row]) -> dict[str, float]:
    """Microseconds a request of each stage, in the order in which a request meets them."""
    sums: dict[str, float] = defaultdict(float)
    for row in every:
        sums[row.stage] += row.us
    return {stage: sums[stage] for stage in (*STAGES, UNPLACED, OTHER) if stage in STAGES or sums[stage]}


def _is_stage(function: Function) -> bool:
    return stage_of(function) != OTHER


def stage_of(function: Function) -> str:
    """The stage of a function by its file; `OTHER` for what is none of the server's."""
    file, _, name = function
    path = PurePath(file)
    if _RUNTIME_PACKAGE in path.parts:
        return "run"
    place = "/".join(path.parts[-2:])
    if place == _PROTOCOL:
        return "write" if name.rpartition(".")[2] in _WRITES else "parse"
    ours = path.parts[-2:-1] in _OURS and path.name not in _COLD
    return _OF_FILE.get(place, UNPLACED if ours else OTHER)


def _us(seconds: float, requests: int) -> float:
    return max(0.0, seconds) / requests * 1e6


def _short(function: Function) -> str:
    """``batcher.py Batcher.submit``; of a built-in, its name."""
    file, _, name = function
    return f"{PurePath(file).name} {name}" if file else _plain(name)


def _plain(builtin: str) -> str:
    """``feed_data`` of ``<method 'feed_data' of 'httptools...' objects>``, as the profiler writes it."""
    quoted = builtin.split("'")
    if len(quoted) > 1:
        return quoted[1]
    return builtin.strip("<>").removeprefix("built-in method ")
