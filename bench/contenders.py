"""Owns the three servers that are compared: command, start, golden request. Knows nothing of load."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.answers import fault
from bench.cases import Case
from bench.client import BrokenAnswer, Connection, Target
from bench.dyno import Dyno
from bench.errors import BenchError, ServerFailed
from bench.processes import Child

Dynos = Callable[[str], AbstractContextManager[Dyno]]

BOOT_LIMIT_S = 60.0  # as Heroku's R10
_POLL_S = 0.02
_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Contender:
    """A server to be measured. ``{port}`` in ``command`` and ``environment`` becomes the port it shall listen on."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Running:
    """A contender that has answered its golden request. ``child`` is None for a server that others run."""

    contender: Contender
    child: Child | None
    url: str
    start_s: float  # from its start to its first right answer
    dyno: Dyno | None = None


def known(model: str, pickles: Path, models: Path, workers: int | None = 1) -> dict[str, Contender]:
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
        "dynonnx": Contender("dynonnx", (python, "-m", "server"), served),
        "fastapi_onnx": Contender(
            "fastapi_onnx", (*baseline, "bench.baselines.fastapi_onnx", str(artefact), "--port", "{port}")
        ),
        "fastapi_pickle": Contender(
            "fastapi_pickle", (*baseline, "bench.baselines.fastapi_pickle", str(pickle), "--port", "{port}")
        ),
    }


@contextmanager
def serving(
    contender: Contender, golden: Case, folder: Path, cores: frozenset[int], dyno: Dyno | None = None
) -> Iterator[Running]:
    """The contender, started and found right; ended when the block is left, however it is left.

    Raises ServerFailed with the end of its log when it does not answer ``golden`` rightly within 60 s.
    """
    port = free_port()
    command = [part.replace("{port}", str(port)) for part in contender.command]
    environment = clean_environment()
    if dyno is not None:
        command = dyno.wrap(command)
        environment |= dyno.environment()
    environment |= {name: value.replace("{port}", str(port)) for name, value in contender.environment.items()}
    if "WEB_CONCURRENCY" in contender.environment:
        environment.pop("WEB_CONCURRENCY_SET_BY", None)  # then a person has set it, not the buildpack
    began = time.monotonic()
    with Child(command, folder / f"{contender.name}.log", environment, cores) as child:
        url = f"http://127.0.0.1:{port}"
        await_golden(contender.name, child, url, golden)
        yield Running(contender, child, url, time.monotonic() - began, dyno)


@contextmanager
def all_serving(
    contenders: Sequence[Contender], golden: Case, folder: Path, cores: frozenset[int], dynos: Dynos | None = None
) -> Iterator[list[Running]]:
    """Several contenders at once, each in a dyno of its own where ``dynos`` makes one from its name.

    They run at once so that their turns can be interleaved; idle ones take no time.
    """
    with ExitStack() as stack:
        running = []
        for contender in contenders:
            dyno = stack.enter_context(dynos(contender.name)) if dynos is not None else None
            running.append(stack.enter_context(serving(contender, golden, folder, cores, dyno)))
        yield running


def await_golden(name: str, child: Child, url: str, golden: Case, limit_s: float = BOOT_LIMIT_S) -> None:
    """Ask until the golden request is answered; a wrong answer ends the wait at once."""
    target = Target.parse(url)
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
        sentence = f"{name} answers its golden request {golden.body.decode()} with {answer.body[:300]!r}: {wrong}."
        raise ServerFailed(sentence, child.log_tail())
    raise ServerFailed(f"{name} gave no answer on {url} within {limit_s:g} s.", child.log_tail())


def free_port() -> int:
    """A port on 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment() -> dict[str, str]:
    """This process's environment without what would configure a server, and with the project on Python's path."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PORT", "WEB_CONCURRENCY", "GUNICORN_CMD_ARGS") and not name.startswith("DYNONNX_")
    }
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH", "")]))
    kept["PYTHONUNBUFFERED"] = "1"
    return kept
