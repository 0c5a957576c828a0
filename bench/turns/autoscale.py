"""Owns ``autoscale``: a rate that climbs tenfold and falls, met by as many small dynos as their own signal asks for.

The real server in each dyno, behind the stand-in router. How many there are to be decides ``dyno/autoscaler.py``. The
model is one whose run takes as long as the rest of a request: of iris one such dyno serves 500 a second.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise

import orjson

from bench.baselines.serving import Dynos, Running, serving
from bench.baselines.systems import System, dynonnx, repository_of
from bench.dyno.autoscaler import Look, Rules, total, wanted
from bench.dyno.cgroup import PERIOD_US
from bench.dyno.router import Router, routing
from bench.errors import BenchError, ServerFailed
from bench.load.client import Address, BrokenAnswer, Connection
from bench.load.generator import Phase, seconds_of
from bench.load.models import heavy
from bench.record.formations import AUTOSCALE, targets
from bench.turns.bench import Bench, Note

SMALL_SHARE = 0.1  # of a core, for each dyno, unless another was asked for
LOOK_EVERY_S = 2.0
_LOOK_TIMEOUT_S = 1.0
_STEPS = 20  # of constant rate, in a climb and in a fall
LOW, HIGH = 0.4, 4.0  # times the rate that was asked for


@dataclass(frozen=True, slots=True)
class Course:
    """Seconds of each part: little traffic, the climb to ten times that, the much, the fall, little again."""

    low: float = 20.0
    climb: float = 100.0
    high: float = 50.0
    fall: float = 20.0
    end: float = 70.0

    def phases(self, rate: float) -> list[Phase]:
        """From LOW to HIGH times ``rate``, in requests/s, and back."""
        low, high = LOW * rate, HIGH * rate
        between = [low + (high - low) * (step + 0.5) / _STEPS for step in range(_STEPS)]
        climb = [Phase(each, self.climb / _STEPS) for each in between]
        fall = [Phase(each, self.fall / _STEPS) for each in reversed(between)]
        return [Phase(low, self.low), *climb, Phase(high, self.high), *fall, Phase(low, self.end)]


@dataclass(slots=True)
class Formation:
    """The dynos of one system behind a router, the first of which stays.

    ``replicas``: the others that serve. ``gone``: those that were told to end. ``looks``: at the demand of all.
    """

    bench: Bench
    system: System
    dynos: Dynos
    first: Running
    router: Router
    rules: Rules
    threads: ThreadPoolExecutor
    replicas: list[Running] = field(default_factory=list)
    gone: list[Running] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    _ends: list[ExitStack] = field(default_factory=list)  # of the replicas, in their order
    _starting: list[Future[tuple[Running, ExitStack]]] = field(default_factory=list)
    _started: int = 1
    _changed_s: float = float("-inf")

    @property
    def serving(self) -> int:
        """How many dynos get requests."""
        return 1 + len(self.replicas)

    def step(self) -> None:
        """Looks at what the dynos tell, and has some started or ended."""
        now = time.perf_counter()
        self._collect(now)
        demand = total([demand_of(dyno) for dyno in (self.first, *self.replicas)])
        last = self.looks[-1].demand if self.looks else 0.0
        self.looks.append(Look(now, last if demand is None else demand))
        dynos = self.serving + len(self._starting)
        more = wanted(self.looks, dynos, self._changed_s, self.rules) - dynos
        for _ in range(more):
            self._started += 1
            self._starting.append(self.threads.submit(self._start, f"{AUTOSCALE}-{self._started}"))
        for _ in range(-more):
            self._retire(now)

    def _start(self, name: str) -> tuple[Running, ExitStack]:
        """A dyno that has answered, and what ends it. Raises BenchError."""
        with ExitStack() as stack:
            dyno = stack.enter_context(self.dynos(name))
            cores = self.bench.generator.cores.server
            system = replace(self.system, name=f"{self.system.name}-{name}")
            running = stack.enter_context(serving(system, self.bench.cases[0], self.bench.folder, cores, dyno))
            return running, stack.pop_all()

    def _collect(self, now: float) -> None:
        """Takes in the dynos that have started; for one that could not another is started while it is still wanted."""
        done = [each for each in self._starting if each.done()]
        self._starting = [each for each in self._starting if each not in done]
        for each in done:
            try:
                running, end = each.result()
            except ServerFailed as error:
                self.bench.results.notes.append(f"a dyno did not start: {error}")
                continue
            self.replicas.append(running)
            self._ends.append(end)
            self.router.send_to(running.port, self.serving)
            self._changed_s = now

    def _retire(self, now: float) -> None:
        """The last dyno gets no new request, and SIGTERM."""
        if not self.replicas:
            return
        self.router.hold(self.serving)
        self.gone.append(self.replicas.pop())
        self.threads.submit(self._ends.pop().close)
        self._changed_s = now

    def close(self) -> None:
        """Ends all but the first."""
        for each in self._starting:
            with suppress(BenchError):
                self._ends.append(each.result()[1])
        for end in self._ends:
            self.threads.submit(end.close)
        self.gone += self.replicas


def autoscale(bench: Bench, dynos: Dynos, rate: float, goal_ms: float, course: Course, rules: Rules) -> None:
    """One turn; what came of it is in the targets too.

    The goal is longer by a period of the quota than elsewhere: what comes once it is used up waits for the next.
    """
    model, phases, counts = heavy(bench.folder / "made"), course.phases(rate), list[tuple[int, float]]()
    system = dynonnx(repository_of([model], bench.folder), model.name, workers=None)
    bench.results.notes.append(f"{AUTOSCALE} asks the {model.title}")
    bench = bench.asking(model.dynonnx_cases, f"cases-{AUTOSCALE}.json")
    bench.say(f"{AUTOSCALE}: {phases[0].rate:,.0f}/s to {HIGH * rate:,.0f}/s and back", bench.seconds_of(phases))
    with _formation(bench, system, dynos, rules) as formation:

        def steer(note: Note) -> None:
            ends = time.monotonic() + bench.warm_up_s + seconds_of(phases)
            while time.monotonic() < ends:
                formation.step()
                note(f"{formation.serving} dynos")
                counts.append((formation.serving, formation.looks[-1].demand))
                time.sleep(LOOK_EVERY_S)

        running = replace(formation.first, router=formation.router, replicas=formation.replicas)
        turn = bench.drive(running, formation.router.url, AUTOSCALE, phases, steer)
    turn.formation.extend((at, *count) for (at, _), count in zip(turn.events, counts, strict=True))
    turn.events[:] = [after for before, after in pairwise(turn.events) if before[1] != after[1]]
    scaling = {"goal_ms": goal_ms + PERIOD_US / 1000, "utilisation": rules.goal}
    bench.results.settings[AUTOSCALE] = scaling
    bench.results.targets += targets(turn, scaling["goal_ms"])


@contextmanager
def _formation(bench: Bench, system: System, dynos: Dynos, rules: Rules) -> Iterator[Formation]:
    """One dyno behind a router that has room for more; what Heroku would have logged is counted."""
    cores = bench.generator.cores
    with ExitStack() as stack:
        dyno = stack.enter_context(dynos(f"{AUTOSCALE}-1"))
        first = stack.enter_context(serving(system, bench.cases[0], bench.folder, cores.server, dyno))
        bench.results.notes += [line for line in dyno.said if line not in bench.results.notes]
        router = stack.enter_context(routing(bench.folder, AUTOSCALE, cores.generator, [first.port], rules.most))
        threads = stack.enter_context(ThreadPoolExecutor(rules.most))
        formation = Formation(bench, system, dynos, first, router, rules, threads)
        stack.callback(formation.close)
        yield formation
    for codes in (router.codes(), first.codes, *(gone.codes for gone in formation.gone)):
        bench.results.count(system.name, codes)


def demand_of(running: Running) -> float | None:
    """What a dyno tells of its demand; None where it does not."""
    address = Address.parse(running.url)
    with suppress(OSError, BrokenAnswer, orjson.JSONDecodeError, KeyError):
        with Connection(address, _LOOK_TIMEOUT_S) as connection:
            answer = connection.exchange(address.request("GET", "/scale"))
        return float(orjson.loads(answer.body)["demand"]) if answer.status == 200 else None
    return None
