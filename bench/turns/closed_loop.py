"""Owns one turn: a server under wrk's closed loop for a while, some answers checked meanwhile. Keeps no record."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT
from typing import Any

import orjson
import psutil

from bench.baselines.lanes import DYNONNX, Lane
from bench.baselines.systems import Running
from bench.errors import BenchError, LoadFailed, ServerFailed
from bench.load.answers import fault
from bench.load.client import Address, BrokenAnswer, Connection
from bench.load.wrk import found, script_of
from bench.machine.cores import Cores
from bench.machine.processes import Child, clean_environment
from bench.record.micro_record import Turn
from bench.turns import scrape

CHECKS = 12  # answers that are compared with the right ones in a turn
_LONGEST_S = 60  # wrk is told to end earlier
_NS = 1e9
_ERRORS = ("connect", "read", "write", "status", "timeout")  # wrk's

# wrk's own counters, whole: its report rounds them.
_DONE = """
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format('RESULT {"requests":%d,"us":%d,"p50":%d,"p99":%d,' ..
    '"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where turns are made: a folder for logs, the cores of load, how long a turn is."""

    folder: Path
    cores: Cores
    seconds: float


def drive(place: Place, section: str, lane: Lane, running: Running, connections: int, number: int) -> Turn:
    """One turn of ``connections`` busy connections. Raises LoadFailed where wrk fails, ServerFailed where it died."""
    script = place.folder / f"{section}-{lane.name}.lua"
    if not script.exists():
        script.write_text(script_of(list(lane.cases)) + _DONE, "utf-8")
    child = running.child
    if child is None:
        raise BenchError(f"{running.system.name} runs elsewhere: only a server started here can be measured")
    before, cpu, core = _runs(running), cpu_seconds(child.pid), core_seconds(place.cores.server)
    with _Checks(lane, running.url) as checks:
        said = _wrk(place, script, connections, running.url, checks)
        spent = None if cpu is None else (cpu_seconds(child.pid) or 0.0) - cpu
        taken = None if core is None else (core_seconds(place.cores.server) or 0.0) - core
        checks.ask_anew()  # accepted after all that wrk left behind, so that the next turn is alone
    after = _runs(running)
    if child.status() is not None:
        raise ServerFailed(f"{running.system.name} died under load.", child.log_tail())
    requests = said["requests"] + checks.asked - 1
    seconds = said["us"] / 1e6
    return Turn(
        section=section,
        lane=lane.name,
        connections=connections,
        round=number,
        requests=requests,
        rate=requests / seconds,
        p50_us=float(said["p50"]),
        p99_us=float(said["p99"]),
        cpu_us=spent / requests * 1e6 if spent is not None and requests else None,
        busy=None if spent is None else spent / seconds,
        batch_rows=scrape.batch_rows(before, after),
        others=None if taken is None or spent is None else max(0.0, taken - spent) / seconds,
        checked=checks.asked,
        faults=dict(checks.faults) | {f"wrk: {name}": said[name] for name in _ERRORS if said[name]},
    )


def _runs(running: Running) -> tuple[float, float] | None:
    """Rows and runs so far; only dynonnx is asked, others have no such page."""
    return scrape.runs(running.url) if running.system.name == DYNONNX else None


def _wrk(place: Place, script: Path, connections: int, url: str, checks: _Checks) -> Mapping[str, Any]:
    """What wrk counted in ``place.seconds``, or a little more where the server is slow to answer the checks."""
    log = script.with_suffix(".log")
    log.unlink(missing_ok=True)
    command = [found() or "wrk", "-t1", f"-c{connections}", f"-d{_LONGEST_S}s", f"--timeout={_LONGEST_S}s"]
    with Child([*command, "-s", str(script), url], log, clean_environment(), place.cores.generator, grace_s=5.0) as wrk:
        checks.spread(place.seconds)
        wrk.signal(SIGINT)
        status = wrk.wait(10.0)
    for line in log.read_text("utf-8").splitlines():
        if status == 0 and line.startswith("RESULT "):
            said: Mapping[str, Any] = orjson.loads(line.removeprefix("RESULT "))
            return said
    raise LoadFailed(f"wrk on {url} ended with status {status} and no result.", log.read_text("utf-8"))


class _Checks:
    """A connection of its own that asks now and then and compares the answers.

    It asks first before there is load: libuv accepts one connection a turn of its loop, a long wait at a busy server.
    """

    def __init__(self, lane: Lane, url: str) -> None:
        self._cases = lane.cases
        self._target = Address.parse(url)
        self._connection = Connection(self._target)
        self.asked = 0
        self.faults: Counter[str] = Counter()

    def __enter__(self) -> _Checks:
        self.ask()
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def spread(self, seconds: float) -> None:
        """Ask ``CHECKS`` times over ``seconds``, less often where answers are slow."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, seconds / CHECKS))
            self.ask()

    def ask_anew(self) -> None:
        """As `ask`, on a new connection."""
        self._connection.close()
        self.ask()

    def ask(self) -> None:
        """One request more, checked."""
        case = self._cases[self.asked * 7 % len(self._cases)]
        self.asked += 1
        try:
            answer = self._connection.exchange(self._target.request("POST", case.path, case.body))
        except (OSError, BrokenAnswer) as error:
            self.faults[f"{type(error).__name__}: {error}"] += 1
            return
        wrong = fault(case.expected, answer.status, answer.body)
        if wrong is not None:
            self.faults[wrong] += 1


def cpu_seconds(pid: int) -> float | None:
    """Processor time of a process and all below it; None where the kernel does not tell."""
    try:
        leader = psutil.Process(pid)
        return sum(_own_seconds(process) for process in (leader, *leader.children(recursive=True)))
    except psutil.Error:
        return None


def core_seconds(cores: frozenset[int]) -> float | None:
    """How long a core has been busy, with whatever; None unless it is one core of which the kernel tells."""
    if len(cores) != 1 or not hasattr(psutil.cpu_times(), "iowait"):
        return None
    times = psutil.cpu_times(percpu=True)[min(cores)]
    return float(sum(times[:8]) - times.idle - times.iowait)  # the rest is guests', counted already


def _own_seconds(process: psutil.Process) -> float:
    """To the nanosecond, summed over its threads, where Linux keeps that; else utime + stime, 10 ms apart."""
    tasks = list(Path(f"/proc/{process.pid}/task").glob("*/schedstat"))
    if not tasks:
        times = process.cpu_times()
        return float(times.user + times.system)
    return sum(int(task.read_text("ascii").split()[0]) for task in tasks) / _NS
