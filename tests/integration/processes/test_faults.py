"""Faults of the machine round the processes, each followed by the three checks of `unharmed`."""

from __future__ import annotations

import contextlib
import mmap
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path

import numpy as np
import psutil
import pytest
from onnx import helper

from tests.integration.conftest import Report, Start
from tests.support.integration.running import STOP_SECONDS, Running, altered, poll
from tests.support.integration.unharmed import ROW, unharmed
from tests.support.server.models import INT64, classifier, onnx_file

HOUR, YEARS = 3600.0, 10 * 365.25 * 86400.0
JUMPS = (HOUR, -HOUR, YEARS, -YEARS)

# The time of day of every process of the server is as many seconds off as the file says.
SHIFTED = """
import mmap, struct, sys, time
with open(sys.argv[1], "r+b") as file:
    shift = mmap.mmap(file.fileno(), 8)
now, now_ns = time.time, time.time_ns
time.time = lambda: now() + struct.unpack("d", shift)[0]
time.time_ns = lambda: now_ns() + int(struct.unpack("d", shift)[0] * 1e9)
"""
# A worker that is silent for so long is killed, unless the arbiter stood still as well. On a busy machine a start takes
# some seconds, which are silent too.
PATIENCE = 6
IMPATIENT = f"""
from server.processes import arbiter
arbiter.SILENT_SECONDS, arbiter.STALL_SECONDS = {PATIENCE}, 1
"""


def kill(server: Running, number: signal.Signals = signal.SIGKILL) -> None:
    """Kills a worker, and returns once it is gone."""
    victim = server.workers()[0]
    os.kill(victim, number)
    poll(lambda: victim not in server.workers(), "the worker is gone")


def test_the_checks_after_a_fault_notice_a_worker_that_died(start: Start) -> None:
    """The control: without it `unharmed` might say so of anything."""
    server = start(WEB_CONCURRENCY="2")
    with unharmed(server):
        pass
    with pytest.raises(AssertionError, match="other workers"), unharmed(server):
        kill(server)
    with unharmed(server, kills=1):
        kill(server)


class Clock:
    """The time of day that a server sees."""

    def __init__(self, file: Path) -> None:
        file.write_bytes(struct.pack("d", 0.0))
        self.file = file
        with file.open("r+b") as opened:
            self._memory = mmap.mmap(opened.fileno(), 8)

    def put(self, seconds: float) -> None:
        """Puts it so far forward or, below 0, back."""
        self._memory[:] = struct.pack("d", seconds)


def check_all_answered(server: Running) -> None:
    """Requests are answered whether or not a router with the right time stamped them."""
    stamp = {"x-request-start": str(int(time.time() * 1000))}
    for headers in ({}, stamp) * 5:
        assert server.ask("POST", "/predict", ROW, headers).status == 200


def date(server: Running) -> float:
    """The time of day that the server tells."""
    return parsedate_to_datetime(server.ask("GET", "/health").headers["date"]).timestamp()


@pytest.mark.fault(33)
def test_a_clock_that_jumps_changes_nothing(start: Start, tmp_path: Path) -> None:
    clock = Clock(tmp_path / "shift")
    server = start(*altered(SHIFTED, str(clock.file)), WEB_CONCURRENCY="1")
    for jump in JUMPS:
        with unharmed(server):
            clock.put(jump)
            check_all_answered(server)
            poll(lambda off=jump: abs(date(server) - time.time() - off) < 60, "the jump is seen")  # type: ignore[misc]
            check_all_answered(server)
    clock.put(HOUR)
    assert server.stop() == 0


@pytest.mark.fault(33)
@pytest.mark.slow
@pytest.mark.parametrize("jump", JUMPS)
def test_no_worker_counts_as_silent_because_the_clock_jumped(start: Start, tmp_path: Path, jump: float) -> None:
    clock = Clock(tmp_path / "shift")
    server = start(*altered(SHIFTED + IMPATIENT, str(clock.file)), WEB_CONCURRENCY="2")
    with unharmed(server):
        clock.put(jump)
        time.sleep(2 * PATIENCE + 1)
    (victim, _) = server.workers()
    os.kill(victim, signal.SIGSTOP)  # the control: one that is silent indeed
    poll(lambda: victim not in server.workers(), "a silent worker is killed")


@pytest.mark.fault(41)
@pytest.mark.slow
def test_a_box_that_stood_still_kills_nobody(start: Start) -> None:
    """As when a dyno is frozen or gets no processor: the arbiter did not run either."""
    server = start(*altered(IMPATIENT), WEB_CONCURRENCY="2")
    with unharmed(server):
        server.signal_all(signal.SIGSTOP)
        time.sleep(2 * PATIENCE + 1)
        server.signal_all(signal.SIGCONT)
        time.sleep(2)  # for the arbiter to kill whom it would


@contextlib.contextmanager
def stolen_processor(core: int, thieves: int) -> Iterator[None]:
    """Within the block so many busy processes share a core."""
    busy = [
        subprocess.Popen([sys.executable, "-c", f"import os; os.sched_setaffinity(0, [{core}])\nwhile True: pass"])
        for _ in range(thieves)
    ]
    try:
        yield
    finally:
        for thief in busy:
            thief.kill()
            thief.wait()


@pytest.mark.fault(41)
@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="a process cannot be bound to a core here")
def test_a_stolen_processor_kills_nobody(start: Start, report: Report) -> None:
    core = max(os.sched_getaffinity(0))
    server = start(*altered(IMPATIENT + f"import os; os.sched_setaffinity(0, [{core}])\n"), WEB_CONCURRENCY="2")
    for pid in (server.pid, *server.workers()):
        psutil.Process(pid).nice(10)
    with unharmed(server), stolen_processor(core, 8):
        slowest = 0.0
        ends = time.monotonic() + 20
        while time.monotonic() < ends:
            began = time.monotonic()
            assert server.ask("POST", "/predict", ROW).status == 200
            slowest = max(slowest, time.monotonic() - began)
    report(f"eight thieves on the server's core for 20 s: no worker killed, slowest answer {slowest:.2f} s")


def answers(server: Running) -> bool:
    """Whether a new connection is answered."""
    with contextlib.suppress(ConnectionError):
        return server.ask("GET", "/health").status == 200
    return False


@pytest.mark.fault(38)
def test_few_descriptors_end_no_worker_and_flood_no_log(start: Start) -> None:
    server = start("sh", "-c", 'ulimit -n 64; exec "$@"', "sh", sys.executable, "-m", "server", WEB_CONCURRENCY="1")
    with unharmed(server):
        clients = [socket.socket() for _ in range(120)]
        for client in clients:
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", server.port))
        (worker,) = server.workers()
        poll(lambda: psutil.Process(worker).num_fds() > 40, "the worker has taken what it can")
        used = psutil.Process(worker).cpu_times()
        time.sleep(1.0)
        spent = sum(psutil.Process(worker).cpu_times()[:2]) - sum(used[:2])
        for client in clients:
            client.close()
        poll(lambda: answers(server), "it recovers")
    assert server.read_log().count("\n") < 100
    assert spent < 0.9, "it must not spin"


def slow_on_demand() -> bytes:
    """A model whose loop turns as often as a row says: it passes its trial, and can be made to hang."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Add", ["total", "one"], ["more"])],
        "body",
        [
            helper.make_tensor_value_info("turn", INT64, []),
            helper.make_tensor_value_info("go", 9, []),
            helper.make_tensor_value_info("total", INT64, ["N", 1]),
        ],
        [helper.make_tensor_value_info("on", 9, []), helper.make_tensor_value_info("more", INT64, ["N", 1])],
    )
    nodes = [
        helper.make_node("ReduceMax", ["X"], ["turns"], keepdims=0),
        helper.make_node("Loop", ["turns", "", "X"], ["Y"], body=body),
    ]
    return onnx_file(nodes, [("X", INT64, ["N", 1])], [("Y", INT64, ["N", 1])], {"one": np.array([[1]])})


@pytest.mark.fault(44)
@pytest.mark.slow
def test_a_stop_while_a_run_hangs(start: Start, tmp_path: Path, report: Report) -> None:
    for name, data in (("iris", classifier().data), ("slow", slow_on_demand())):
        (tmp_path / "models" / name / "1").mkdir(parents=True)
        (tmp_path / "models" / name / "1" / "model.onnx").write_bytes(data)
    server = start(DYNONNX_MODELS=str(tmp_path / "models"), DYNONNX_DEFAULT_MODEL="iris", WEB_CONCURRENCY="2")
    assert server.ask("POST", "/models/slow/predict", b'{"features":[[3]]}').status == 200
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        body = b'{"features":[[%d]]}' % 10**15
        head = b"POST /models/slow/predict HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
        client.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        time.sleep(1.0)  # the run is on
        began = time.monotonic()
        server.signal_all(signal.SIGTERM)
        assert server.process.wait(STOP_SECONDS) == 0
    report(f"SIGTERM while a run hangs: gone after {time.monotonic() - began:.1f} s")
