"""Owns the Locust user: open-loop requests to /predict, every answer checked. Knows nothing of who serves.

Each Locust user is one connection and brings its share of the rate. A request waits for nobody: it has a due time, and
its latency is counted from there, also when no connection was free. docs/bench.md tells how to run this file by hand.
"""

from __future__ import annotations

import logging
import math
import os
import sys
import time
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import gevent
from locust import LoadTestShape, User, constant, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import MasterRunner

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # locust -f loads this file, not the package

from bench.errors import BenchError
from bench.load.cases import read_cases
from bench.load.client import Address, BrokenAnswer, Connection
from bench.load.generator import SEED, due_times, parse_phases, seconds_of
from bench.load.pacer import IdleMeter, Pacer
from bench.load.samples import OK, UNFINISHED, GeneratorLog, Recorder

_DRAIN_S = 5.0  # how long after the last arrival an answer may still come
_IDLE_CHECK_S = 0.005
_LOOK_EVERY_S = 0.25
_BAD_USE = 2  # exit status
_log = logging.getLogger("bench")
_USUAL: dict[type[Exception], str] = {TimeoutError: "timeout after {:g} s", ConnectionResetError: "connection reset"}
_USUAL[ConnectionRefusedError] = "connection refused"


def _options(parser: LocustArgumentParser) -> None:
    parser.add_argument("--cases", metavar="FILE", default="", help="requests and answers (python -m bench cases)")
    parser.add_argument("--phases", metavar="RATExSECONDS,...", default="100x30", help="arrival rates, such as 500x10")
    parser.add_argument("--connections", type=int, default=32, help="keep-alive connections, over all processes")
    parser.add_argument("--samples", metavar="FOLDER", default="", help="leave every request with its times here")
    parser.add_argument("--timeout", type=float, default=30.0, help="seconds after which a request is given up")
    parser.add_argument("--spin", type=int, default=1, help="0: sleep between arrivals instead of using a whole core")
    parser.add_argument("--key", default="", env_var="BENCH_KEY", is_secret=True, help="API key; better as BENCH_KEY")
    parser.add_argument("--i-own-this-host", action="store_true", help="allow a --host that is not this machine")


class Load:
    """What all users of this process share: the cases, the pacer, the recorder."""

    def __init__(self, environment: Environment) -> None:
        options: Any = environment.parsed_options
        self.address = Address.parse(environment.host or "", owned=options.i_own_this_host)
        if not options.cases:
            makes_it = "python -m bench cases --pickle build/iris.pkl --out FILE"
            raise BenchError(f"--cases FILE is missing: {makes_it} makes it")
        self.environment = environment
        self._fire: Any = partial(environment.events.request.fire, request_type="POST", name="/predict")
        self.connections: int = options.connections
        self.timeout_s: float = options.timeout
        self.phases = parse_phases(options.phases)
        self.cases = read_cases(Path(options.cases))
        headers = (("Authorization", f"Bearer {options.key}"),) if options.key else ()
        self.requests = [self.address.request("POST", case.path, case.body, headers) for case in self.cases]
        self.seen: list[bytes | None] = [None] * len(self.cases)  # the last answer that was found right
        self.turn = count()
        self.pacer = Pacer(spin=bool(options.spin))
        self.recorder = Recorder(Path(options.samples), str(os.getpid())) if options.samples else None
        self.in_flight: dict[int, tuple[float, float, float]] = {}
        self.share = self.started = 0.0
        self.idle: list[tuple[float, float, float]] = []
        self.meter = IdleMeter()

    def start(self) -> None:
        """Begin the arrivals, once, with the share of the rate that this process's users stand for."""
        runner = self.environment.runner
        # A master has no users of its own, though it counts everybody's.
        if self.started or runner is None or isinstance(runner, MasterRunner) or not runner.user_count:
            return
        self.share = runner.user_count / self.connections
        self.started = time.perf_counter()
        times = due_times(self.phases, self.share, SEED if self.share >= 1 else os.getpid())
        gevent.spawn(self._look)
        gevent.spawn(self.pacer.run, self.started, times)

    def _look(self) -> None:
        """Note, four times a second, how long this process has slept, and has turned its loop for nothing."""
        while True:
            self.idle.append((time.perf_counter(), self.meter.blocked_s, self.pacer.spinning_s))
            gevent.sleep(_LOOK_EVERY_S)

    @property
    def finished(self) -> bool:
        """Every arrival was offered, taken and answered."""
        return self.pacer.exhausted and not self.in_flight and not self.pacer.waiting()

    def ask(self, connection: Connection) -> tuple[str | None, int, float]:
        """Send the next request: what went wrong, bytes of the answer, seconds that the server says it took."""
        index = next(self.turn) % len(self.cases)
        try:
            answer = connection.exchange(self.requests[index])
        except (BrokenAnswer, OSError) as error:
            why = _USUAL.get(type(error), "").format(self.timeout_s)
            return why or str(error) or type(error).__name__, 0, math.nan
        wrong = None
        if answer.status != 200 or answer.body != self.seen[index]:
            wrong = self.cases[index].fault(answer.status, answer.body)
            if wrong is None:
                self.seen[index] = answer.body
        return wrong, len(answer.body), answer.server_s()

    def record(
        self, due: float, offered: float, sent: float, done: float, outcome: str | None, length: int, server_s: float
    ) -> None:
        """Tell Locust's own statistics, and keep the exact times."""
        if self.recorder is not None:
            self.recorder.record(due, offered, sent, done, outcome or OK, server_s)
        self._fire(response_time=(done - due) * 1e3, response_length=length, exception=outcome, context={})

    def finish(self) -> None:
        """Count what got no answer, and close the samples."""
        now = time.perf_counter()
        for due, offered, sent in [*self.in_flight.values(), *((*offer, now) for offer in self.pacer.left())]:
            self.record(due, offered, sent, now, UNFINISHED, 0, math.nan)
        self.in_flight.clear()
        if self.recorder is not None and self.started:
            self.recorder.close(GeneratorLog(self.started, self.share, tuple(self.idle)))
            self.recorder = None


_loads: list[Load] = []  # of the test that runs: one, or none


def _test_start(environment: Environment, **_: Any) -> None:
    try:
        _loads[:] = [Load(environment)]
    except (BenchError, OSError, ValueError) as error:
        _log.error("%s", error)  # the shape ends the test at its next tick
        environment.process_exit_code = _BAD_USE


def _spawned(**_: Any) -> None:
    for load in _loads:
        load.start()


def _test_stop(**_: Any) -> None:
    while _loads:
        _loads.pop().finish()


class Arrivals(LoadTestShape):
    """A constant number of connections until the phases are over; the rate is the pacer's, not the users'."""

    use_common_options = True

    def tick(self) -> tuple[int, float] | None:
        """Users and spawn rate, as Locust asks for them each second; None ends the test."""
        environment: Any = self.runner.environment if self.runner else None
        if not _loads:  # Locust asks for the first time before the test starts
            connections: int = environment.parsed_options.connections
            return None if environment.process_exit_code == _BAD_USE else (connections, connections)
        (load,) = _loads
        if load.finished or time.perf_counter() - self.start_time > seconds_of(load.phases) + _DRAIN_S:
            return None
        return load.connections, load.connections


class Caller(User):
    """One keep-alive connection that takes the next due request whenever it is free."""

    wait_time = constant(0)

    @task
    def answer_arrivals(self) -> None:
        """Serve arrivals until Locust ends this user; the connection is made at the first request."""
        if not _loads:
            raise StopUser
        (load,), me, last = _loads, id(self), 0.0
        with Connection(load.address, load.timeout_s) as connection:
            while True:
                due, offered = load.pacer.next_arrival()
                sent = time.perf_counter()
                load.in_flight[me] = (due, offered, sent)
                if sent - last > _IDLE_CHECK_S:
                    connection.drop_if_closed()
                outcome, length, server_s = load.ask(connection)
                last = time.perf_counter()
                del load.in_flight[me]
                load.record(due, offered, sent, last, outcome, length, server_s)


_hooks: Any = events
_hooks.init_command_line_parser.add_listener(_options)
_hooks.test_start.add_listener(_test_start)
_hooks.spawning_complete.add_listener(_spawned)
_hooks.test_stop.add_listener(_test_stop)
