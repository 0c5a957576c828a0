"""Owns the running of a server that is compared: its port, dyno, router, golden request; also of one elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.baselines.systems import OURS, System
from bench.dyno.dyno import Dyno, guarding
from bench.dyno.router import Router, routing
from bench.errors import BenchError, ServerFailed
from bench.load.cases import Case
from bench.load.client import Address, BrokenAnswer, Connection
from bench.machine.processes import Child, Cores, clean_environment, free_port, wait_until

Dynos = Callable[[str], AbstractContextManager[Dyno]]
BOOT_LIMIT_S = 60.0  # as Heroku's R10
_SHOWN_BYTES = 200


@dataclass(frozen=True, slots=True)
class Placement:
    """In which surroundings systems run: dynos, how many of them each, whether behind a router."""

    dynos: Dynos | None = None
    each: int = 1
    router: bool = False
    small: Dynos | None = None  # with a tenth of a core each, unless another share was asked for


@dataclass(frozen=True, slots=True)
class Running:
    """A system that has answered its golden request.

    ``url`` is the server's own; ``replicas`` are further dynos of the same system behind the same router, which may
    come and go. ``codes`` counts what Heroku would have logged of this dyno (R12, R14, R15).
    """

    system: System
    server: Child | None  # None for a server that others run
    url: str
    start_s: float  # from its start to its first right answer
    dyno: Dyno | None = None
    codes: Counter[str] = field(default_factory=Counter)
    router: Router | None = None
    replicas: Sequence[Running] = ()

    @property
    def child(self) -> Child:
        """Its process. Raises BenchError for a server that others run."""
        if self.server is None:
            raise BenchError(f"{self.system.name} runs elsewhere: only a server started here can do this")
        return self.server

    @property
    def asked_url(self) -> str:
        """Where requests go: to the router, if one is in front."""
        return self.url if self.router is None else self.router.url

    @property
    def port(self) -> int:
        """The server's own."""
        return Address.parse(self.url).port

    @property
    def all_dynos(self) -> tuple[Running, ...]:
        """This one and its replicas."""
        return (self, *self.replicas)


@contextmanager
def serving(
    system: System,
    golden: Case,
    folder: Path,
    cores: frozenset[int],
    dyno: Dyno | None = None,
    limit_s: float = BOOT_LIMIT_S,
) -> Iterator[Running]:
    """The system, started and found right; ended when the block is left, however it is left.

    Raises ServerFailed with the end of its log when it does not answer ``golden`` rightly within ``limit_s``.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
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
        try:
            with guarding(dyno, child, codes):
                await_golden(system.name, child, url, golden, system.not_yet, limit_s)
                yield Running(system, child, url, time.monotonic() - began, dyno, codes)
        finally:
            child.stop()
            codes["R12"] += child.killed


@contextmanager
def all_serving(
    systems: Sequence[System], golden: Case, folder: Path, cores: Cores, placement: Placement
) -> Iterator[list[Running]]:
    """Several systems at once, so that their turns can be interleaved, each in the surroundings of ``placement``."""
    with ExitStack() as stack:
        running = []
        for system in systems:
            dynos = []
            for number in range(placement.each):
                dyno = placement.dynos and stack.enter_context(placement.dynos(f"{system.name}-{number}"))
                dynos.append(stack.enter_context(serving(system, golden, folder, cores.server, dyno)))
            first, *replicas = dynos
            if placement.router:
                ports = [replica.port for replica in dynos]
                router = stack.enter_context(routing(folder, system.name, cores.generator, ports))
                first = replace(first, router=router, replicas=tuple(replicas))
            running.append(first)
        yield running


def await_golden(
    name: str, child: Child, url: str, golden: Case, not_yet: int = 503, limit_s: float = BOOT_LIMIT_S
) -> None:
    """Ask until the golden request is answered; a wrong answer ends the wait at once, ``not_yet`` does not."""
    address = Address.parse(url)

    def serves() -> bool:
        if child.status() is not None:
            raise ServerFailed(f"{name} ended with status {child.status()} before it served.", child.log_tail())
        try:
            status, body, wrong = ask(address, golden, timeout_s=10.0)
        except (OSError, BrokenAnswer):
            return False
        if wrong is not None and status != not_yet:
            sentence = f"{name} answers its golden request {shown(golden.body)} with {shown(body)}: {wrong}."
            raise ServerFailed(sentence, child.log_tail())
        return wrong is None

    if not wait_until(serves, limit_s):
        raise ServerFailed(f"{name} gave no answer on {url} within {limit_s:g} s (on Heroku: R10).", child.log_tail())


def meet(url: str, golden: Case, key: str, *, owned: bool) -> Running:
    """The server that runs at ``url``, found right. Raises BenchError where it is not, or nobody said whose it is."""
    address, began = Address.parse(url, owned=owned), time.monotonic()
    try:
        _, body, wrong = ask(address, golden, headers=(("Authorization", f"Bearer {key}"),) if key else ())
    except (OSError, BrokenAnswer) as error:
        raise BenchError(f"{url} does not answer: {error}") from None
    if wrong is not None:
        raise BenchError(f"{url} answers {shown(golden.body)} with {shown(body)}: {wrong}")
    return Running(System(OURS, ()), None, url, time.monotonic() - began)


def shown(body: bytes) -> str:
    """The beginning of a body, fit for one line."""
    text = body[:_SHOWN_BYTES].decode("utf-8", "replace")
    return text if len(body) <= _SHOWN_BYTES else f"{text}... ({len(body):,} bytes)"


def ask(
    address: Address, case: Case, timeout_s: float = 30.0, headers: tuple[tuple[str, str], ...] = ()
) -> tuple[int, bytes, str | None]:
    """One request on a connection of its own: status, body, what is wrong. Raises OSError or BrokenAnswer."""
    with Connection(address, timeout_s) as connection:
        answer = connection.exchange(address.request("POST", case.path, case.body, (*case.headers.items(), *headers)))
    return answer.status, answer.body, case.fault(answer.status, answer.body)
