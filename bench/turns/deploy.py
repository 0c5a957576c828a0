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
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from bench.baselines.serving import Dynos, Running, ask, serving
from bench.baselines.systems import System
from bench.dyno.router import Router, routing
from bench.errors import BenchError, ServerFailed
from bench.load.cases import as_table
from bench.load.client import Address, BrokenAnswer
from bench.load.generator import Phase
from bench.machine.processes import Child, clean_environment, wait_until
from bench.turns.bench import Bench, Note

_STOP_LIMIT_S = 30.0  # Heroku's R12: then SIGKILL
_SWAP_LIMIT_S = 10.0
_CONVERT_LIMIT_S = 90.0
OLD, NEW = "1", "2"


def restart(bench: Bench, system: System, dynos: Dynos | None, phase: Phase) -> None:
    """A third into the phase the old dyno gets SIGTERM and a new one starts, as on Heroku without preboot."""
    bench.say(f"deploy: {system.name} at {phase.rate:,.0f}/s, a restart", bench.seconds_of([phase]))
    with ExitStack() as stack:
        old = stack.enter_context(_dyno_of(bench, system, dynos, "old"))

        def replace_dyno(router: Router, note: Note) -> None:
            note("restart")
            router.hold()
            old.child.signal(signal.SIGTERM)
            new = stack.enter_context(_dyno_of(bench, system, dynos, "new"))
            router.send_to(new.port)
            note("new dyno up")
            if old.child.wait(_STOP_LIMIT_S) is None:
                note("R12: old dyno killed")

        _drive(bench, old, "deploy", phase, replace_dyno)


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
    with _dyno_of(bench, served, dynos, "swap") as running:

        def write(_: Router, note: Note) -> None:
            converted.rename(models / name / NEW)
            note("version 2 written")
            await_version(bench, running, NEW)
            note("version 2 answers")

        _drive(bench, running, "swap", phase, write)


def another_model(bench: Bench) -> Any:
    """The same kind of model, fitted to what the first one predicts: the same labels, other probabilities."""
    from sklearn.base import clone

    table = as_table(bench.model, bench.rows)
    return clone(bench.model).fit(table, bench.model.predict(table))


def convert(bench: Bench, model: Any, name: str, limit_s: float = _CONVERT_LIMIT_S) -> Path:
    """The folder of version 2, beside the repository, to be moved in. Raises ServerFailed where it is refused."""
    import joblib

    pickle, out = bench.folder / f"{name}.pkl", bench.folder / "converted"
    joblib.dump(model, pickle)
    command = [sys.executable, "-m", "convert", str(pickle), "--name", name, "--version", NEW, "--out", str(out)]
    with Child(command, bench.folder / "convert.log", clean_environment()) as child:
        if child.wait(limit_s) != 0:
            raise ServerFailed("the model was not converted.", child.log_tail())
    return out / name / NEW


def await_version(bench: Bench, running: Running, version: str) -> None:
    """Until the golden request is answered by ``version``. Raises BenchError after 10 s."""
    case, address = bench.cases[0], Address.parse(running.url)

    def answers() -> bool:
        with suppress(OSError, BrokenAnswer):
            status, body, _ = ask(address, case, timeout_s=1.0)
            return status == 200 and orjson.loads(body).get("model_version") == version
        return False

    if not wait_until(answers, _SWAP_LIMIT_S):
        raise BenchError(f"version {version} did not answer within {_SWAP_LIMIT_S:g} s after it had been written")


def _drive(bench: Bench, running: Running, what: str, phase: Phase, act: Callable[[Router, Note], None]) -> None:
    """One turn through a router; ``act`` is called after a third of it. What went wrong at the router is noted."""
    system = running.system.name

    def meanwhile(note: Note) -> None:
        time.sleep(bench.warm_up_s + phase.seconds / 3)
        act(router, note)

    with routing(bench.folder, f"{what}-{system}", bench.generator.cores.generator, [running.port]) as router:
        bench.drive(replace(running, router=router), router.url, what, [phase], meanwhile)
        counts = router.end()
    bench.results.count(system, counts)
    codes = ", ".join(f"{code} {number}" for code, number in sorted(counts.items()))
    bench.results.notes.append(f"router, {what} of {system}: {codes or 'no H-code'}")


@contextmanager
def _dyno_of(bench: Bench, system: System, dynos: Dynos | None, name: str) -> Iterator[Running]:
    """The system in a dyno of its own; what Heroku would have logged of it is counted."""
    with (
        nullcontext() if dynos is None else dynos(f"{system.name}-{name}") as dyno,
        serving(system, bench.cases[0], bench.folder, bench.generator.cores.server, dyno) as running,
    ):
        yield running
    bench.results.count(system.name, running.codes)
