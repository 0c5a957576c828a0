"""Owns the three servers that are compared: command, start, golden request. Knows nothing of load."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.dyno.dyno import Dyno
from bench.dyno.quota import guarding
from bench.dyno.routing import Router, passing
from bench.errors import BenchError, ServerFailed
from bench.load.answers import fault
from bench.load.cases import Case
from bench.load.client import Address, BrokenAnswer, Connection
from bench.machine.cores import Cores
from bench.machine.processes import Child, clean_environment, free_port

Dynos = Callable[[str], AbstractContextManager[Dyno]]


@dataclass(frozen=True, slots=True)
class Placement:
    """In which surroundings systems run: dynos, how many of them each, whether behind a router."""

    dynos: Dynos | None = None
    each: int = 1
    router: bool = False


BOOT_LIMIT_S = 60.0  # as Heroku's R10
_POLL_S = 0.02
_SHOWN_BYTES = 200


@dataclass(frozen=True, slots=True)
class System:
    """A server to be measured. ``{port}`` in ``command`` and ``environment`` becomes the port it shall listen on."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Running:
    """A system that has answered its golden request. ``child`` is None for a server that others run.

    ``url`` is the server's own; ``replicas`` are further dynos of the same system behind the same router. ``codes``
    counts what Heroku would have logged of this dyno (R12, R14, R15).
    """

    system: System
    child: Child | None
    url: str
    start_s: float  # from its start to its first right answer
    dyno: Dyno | None = None
    codes: Counter[str] = field(default_factory=Counter)
    router: Router | None = None
    replicas: tuple[Running, ...] = ()

    @property
    def door(self) -> str:
        """Where callers ask: the router where one stands in front."""
        return self.url if self.router is None else self.router.url

    @property
    def all_dynos(self) -> tuple[Running, ...]:
        """This one and its replicas."""
        return (self, *self.replicas)


def known(model: str, pickles: Path, models: Path, workers: int | None = 1) -> dict[str, System]:
    """dynonnx and the two baselines, all with the same model. ``workers`` None leaves dynonnx its own plan.

    Raises BenchError where a file is missing.
    """
    pickle, artefact = pickles / f"{model}.pkl", models / model / "1" / "model.onnx"
    for file in (pickle, artefact):
        if not file.exists():
            raise BenchError(f"{file} is missing; `make models` makes the example models")
    served = {
        "PORT": "{port}",
        "DYNONNX_MODELS": str(models),
        "DYNONNX_DEFAULT_MODEL": model,
        "DYNONNX_HOST": "127.0.0.1",
    }
    if workers is not None:
        served["WEB_CONCURRENCY"] = str(workers)
    python = sys.executable
    baseline = (python, "-W", "ignore::UserWarning", "-m")
    return {
        "dynonnx": System("dynonnx", (python, "-m", "server"), served),
        "fastapi_onnx": System(
            "fastapi_onnx", (*baseline, "bench.baselines.fastapi_onnx", str(artefact), "--port", "{port}")
        ),
        "fastapi_pickle": System(
            "fastapi_pickle", (*baseline, "bench.baselines.fastapi_pickle", str(pickle), "--port", "{port}")
        ),
    }


@contextmanager
def serving(
    system: System, golden: Case, folder: Path, cores: frozenset[int], dyno: Dyno | None = None
) -> Iterator[Running]:
    """The system, started and found right; ended when the block is left, however it is left.

    Raises ServerFailed with the end of its log when it does not answer ``golden`` rightly within 60 s.
    """
    port = free_port()
    command = [part.replace("{port}", str(port)) for part in system.command]
    environment = clean_environment()
    if dyno is not None:
        command = dyno.wrap(command)
        environment |= dyno.environment()
    environment |= {name: value.replace("{port}", str(port)) for name, value in system.environment.items()}
    if "WEB_CONCURRENCY" in system.environment:
        environment.pop("WEB_CONCURRENCY_SET_BY", None)  # then a person has set it, not the buildpack
    began, codes = time.monotonic(), Counter[str]()
    members = tuple if dyno is None else dyno.group.processes
    with Child(command, folder / f"{system.name}.log", environment, cores, members=members) as child:
        url = f"http://127.0.0.1:{port}"
        try:
            with guarding(dyno, child, codes):
                await_golden(system.name, child, url, golden)
                yield Running(system, child, url, time.monotonic() - began, dyno, codes)
        finally:
            child.stop()
            codes["R12"] += child.killed


@contextmanager
def all_serving(
    systems: Sequence[System], golden: Case, folder: Path, cores: Cores, where: Placement
) -> Iterator[list[Running]]:
    """Several systems at once, each in dynos of its own and behind a router where ``where`` says so.

    They run at once so that their turns can be interleaved; idle ones take no time.
    """
    with ExitStack() as stack:

        def start(system: System, name: str) -> Running:
            dyno = None if where.dynos is None else stack.enter_context(where.dynos(name))
            return stack.enter_context(serving(system, golden, folder, cores.server, dyno))

        running = []
        for system in systems:
            first, *replicas = [start(system, f"{system.name}-{number}") for number in range(where.each)]
            if where.router:
                ports = [Address.parse(each.url).port for each in (first, *replicas)]
                front = stack.enter_context(passing(folder, system.name, cores.generator, ports))
                first = replace(first, router=front, replicas=tuple(replicas))
            running.append(first)
        yield running


def await_golden(name: str, child: Child, url: str, golden: Case, limit_s: float = BOOT_LIMIT_S) -> None:
    """Ask until the golden request is answered; a wrong answer ends the wait at once."""
    target = Address.parse(url)
    request = target.request("POST", golden.path, golden.body)
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if child.status() is not None:
            raise ServerFailed(f"{name} ended with status {child.status()} before it served.", child.log_tail())
        try:
            with Connection(target, timeout_s=10.0) as connection:
                answer = connection.exchange(request)
        except (OSError, BrokenAnswer):
            time.sleep(_POLL_S)
            continue
        if answer.status == 503:
            time.sleep(_POLL_S)
            continue
        wrong = fault(golden.expected, answer.status, answer.body)
        if wrong is None:
            return
        sentence = f"{name} answers its golden request {shown(golden.body)} with {shown(answer.body)}: {wrong}."
        raise ServerFailed(sentence, child.log_tail())
    raise ServerFailed(f"{name} gave no answer on {url} within {limit_s:g} s (on Heroku: R10).", child.log_tail())


def shown(body: bytes) -> str:
    """The beginning of a body, fit for one line."""
    text = body[:_SHOWN_BYTES].decode("utf-8", "replace")
    return text if len(body) <= _SHOWN_BYTES else f"{text}... ({len(body):,} bytes)"
