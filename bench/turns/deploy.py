"""Owns the deploy scenario: a restart and a new version behind the router, under load. Knows nothing of reports.

A restart is what a push does: the old dyno gets SIGTERM and the new one starts at the same moment, without preboot. A
version swap is what the living repository adds: a version folder appears while requests keep coming.
"""

from __future__ import annotations

import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from bench.baselines.serving import Dynos, Running, System, ask, serving
from bench.dyno.router import Router, routing
from bench.errors import BenchError, ServerFailed
from bench.load.cases import as_table
from bench.load.client import Address, BrokenAnswer
from bench.load.generator import Phase
from bench.machine.processes import Child, clean_environment
from bench.turns.bench import Bench, Events

_STOP_LIMIT_S = 30.0  # Heroku's R12: then SIGKILL
_SWAP_LIMIT_S = 10.0
_CONVERT_LIMIT_S = 90.0
_ASK_EVERY_S = 0.02
OLD, NEW = "1", "2"


def restart(bench: Bench, system: System, dynos: Dynos | None, phase: Phase) -> None:
    """A third into the phase the old dyno gets SIGTERM and a new one starts, as on Heroku without preboot."""
    bench.say(f"deploy: {system.name} at {phase.rate:,.0f}/s, a restart", bench.seconds_of([phase]))
    with ExitStack() as stack:
        old = stack.enter_context(_dyno_of(bench, system, dynos, "old"))
        router = stack.enter_context(_router_of(bench, old, "deploy"))

        def replace_dyno(events: Events) -> None:
            time.sleep(bench.warm_up_s + phase.seconds / 3)
            events.append((time.perf_counter(), "restart"))
            router.hold()
            old.child.signal(signal.SIGTERM)
            new = stack.enter_context(_dyno_of(bench, system, dynos, "new"))
            router.send_to(new.port)
            events.append((time.perf_counter(), "new dyno up"))
            if old.child.wait(_STOP_LIMIT_S) is None:
                events.append((time.perf_counter(), "R12: old dyno killed"))

        _drive(bench, replace(old, router=router), "deploy", phase, replace_dyno)


def swap(bench: Bench, system: System, dynos: Dynos | None, phase: Phase) -> None:
    """A third into the phase version 2 is moved into the models folder; the turn tells when it answers.

    Version 2 is another model with other probabilities, so that each answer shows which version gave it.
    """
    bench.say(f"deploy: {system.name}: version 2 is converted")
    name, models = str(bench.results.settings["model"]), bench.folder / "models"
    shutil.copytree(Path(system.environment["DYNONNX_MODELS"]) / name / OLD, models / name / OLD)
    other = another_model(bench)
    converted = convert(bench, other, name)
    bench.say(f"deploy: {system.name} at {phase.rate:,.0f}/s, a new version", bench.seconds_of([phase]))
    served = replace(system, environment={**system.environment, "DYNONNX_MODELS": str(models)})
    bench = bench.with_version(NEW, other)
    with ExitStack() as stack:
        running = stack.enter_context(_dyno_of(bench, served, dynos, "swap"))
        router = stack.enter_context(_router_of(bench, running, "swap"))

        def write(events: Events) -> None:
            time.sleep(bench.warm_up_s + phase.seconds / 3)
            converted.rename(models / name / NEW)
            events.append((time.perf_counter(), "version 2 written"))
            await_version(bench, running, NEW)
            events.append((time.perf_counter(), "version 2 answers"))

        _drive(bench, replace(running, router=router), "swap", phase, write)


def another_model(bench: Bench) -> Any:
    """The same kind of model, fitted to what the first one predicts: the same labels, other probabilities."""
    from sklearn.base import clone

    table = as_table(bench.model, bench.rows)
    return clone(bench.model).fit(table, bench.model.predict(table))


def convert(bench: Bench, model: Any, name: str) -> Path:
    """The folder of version 2, beside the repository, to be moved in. Raises ServerFailed where it is refused."""
    import joblib

    pickle, out = bench.folder / f"{name}.pkl", bench.folder / "converted"
    joblib.dump(model, pickle)
    command = [sys.executable, "-m", "convert", str(pickle), "--name", name, "--version", NEW, "--out", str(out)]
    with Child(command, bench.folder / "convert.log", clean_environment()) as child:
        if child.wait(_CONVERT_LIMIT_S) != 0:
            raise ServerFailed("the second version was not converted.", child.log_tail())
    return out / name / NEW


def await_version(bench: Bench, running: Running, version: str) -> None:
    """Until the golden request is answered by ``version``. Raises BenchError after 10 s."""
    case, address = bench.cases[0], Address.parse(running.url)
    deadline = time.monotonic() + _SWAP_LIMIT_S
    while time.monotonic() < deadline:
        with suppress(OSError, BrokenAnswer):
            status, body, _ = ask(address, case, timeout_s=1.0)
            if status == 200 and orjson.loads(body).get("model_version") == version:
                return
        time.sleep(_ASK_EVERY_S)
    raise BenchError(f"version {version} did not answer within {_SWAP_LIMIT_S:g} s after it had been written")


def _drive(bench: Bench, running: Running, what: str, phase: Phase, act: Callable[[Events], None]) -> None:
    bench.drive(running, running.door, what, [phase], act)
    if running.router is None:
        return
    counts = running.router.end()
    bench.results.count(running.system.name, counts)
    codes = ", ".join(f"{code} {number}" for code, number in sorted(counts.items()))
    bench.results.notes.append(f"router, {what} of {running.system.name}: {codes or 'no H-code'}")


@contextmanager
def _dyno_of(bench: Bench, system: System, dynos: Dynos | None, name: str) -> Iterator[Running]:
    """The system in a dyno of its own; what Heroku would have logged of it is counted."""
    with ExitStack() as stack:
        dyno = None if dynos is None else stack.enter_context(dynos(f"{system.name}-{name}"))
        cores = bench.generator.cores.server
        running = stack.enter_context(serving(system, bench.cases[0], bench.folder, cores, dyno))
        yield running
    bench.results.count(system.name, running.codes)


def _router_of(bench: Bench, running: Running, what: str) -> AbstractContextManager[Router]:
    name, cores = f"{what}-{running.system.name}", bench.generator.cores.generator
    return routing(bench.folder, name, cores, [running.port])
