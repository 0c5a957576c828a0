"""Owns the profiler inside a worker: switched on and off by SIGUSR2, its own cost measured. Knows no server.

The file it leaves is JSON: ``edges``, one for each caller and callee, with calls and own seconds; ``functions`` with
calls and own seconds of each Python function; ``bias``, what the profiler adds to callee and caller at each call.
"""

from __future__ import annotations

import asyncio
import cProfile
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

_CALLS = 2_000  # short enough to pass undisturbed now and then on a busy machine
_TRIES = 50


def install(out: Path) -> None:
    """On the running loop: the first SIGUSR2 starts profiling, the next ends it and writes ``out``, and so on."""
    running: list[cProfile.Profile] = []

    def toggle() -> None:
        if running:
            profile = running.pop()
            profile.disable()
            partial = out.with_suffix(".partial")
            partial.write_bytes(orjson.dumps(said(profile) | {"bias": bias()}))
            partial.replace(out)
        else:
            running.append(cProfile.Profile())
            running[0].enable()

    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, toggle)


def said(profile: cProfile.Profile) -> dict[str, Any]:
    """What a profile holds, in plain lists: a function is ``[file, line, name]``, a built-in ``["", 0, name]``."""
    functions, edges = [], []
    for entry in profile.getstats():
        caller = _named(entry.code)
        functions.append([caller, entry.callcount, entry.inlinetime])
        edges += [[caller, _named(call.code), call.callcount, call.inlinetime] for call in entry.calls or ()]
    return {"functions": functions, "edges": edges}


def _named(code: Any) -> list[Any]:
    return ["", 0, code] if isinstance(code, str) else [code.co_filename, code.co_firstlineno, code.co_qualname]


def bias() -> dict[str, list[float]]:
    """Seconds that the profiler adds at a call, to the callee's own time and to the caller's."""
    return {"python": _bias(_call_python), "builtin": _bias(_call_builtin)}


def _bias(loop: Callable[[], None]) -> list[float]:
    """The least of some tries: what disturbs only ever adds. An empty callee's own time is all the profiler's."""
    plain = min(_seconds(loop) for _ in range(_TRIES))
    tries = []
    for _ in range(_TRIES):
        profile = cProfile.Profile()
        profile.enable()
        loop()
        profile.disable()
        own = {_named(entry.code)[2]: entry for entry in profile.getstats()}
        called = next(entry for entry in own.values() if entry.callcount == _CALLS)
        tries.append((called.inlinetime, own[loop.__qualname__].inlinetime))
    callee, caller = min(tries, key=sum)
    return [callee / _CALLS, max(0.0, caller - plain) / _CALLS]


def _seconds(loop: Callable[[], None]) -> float:
    began = time.perf_counter()
    loop()
    return time.perf_counter() - began


def _call_python() -> None:
    for _ in range(_CALLS):
        _empty()


def _call_builtin() -> None:
    length = len
    for _ in range(_CALLS):
        length(())


def _empty() -> None:
    pass
