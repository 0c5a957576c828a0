"""Owns child processes from start to the end of their group, and the cores that they keep to. Knows nothing of HTTP.

Each child leads a session of its own: Ctrl-C at the terminal reaches the suite alone, which then ends every child by
its process group, grandchildren included.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

_ROOT = Path(__file__).resolve().parents[2]
_TAIL_BYTES = 4000
_TAIL_LINES = 25
_POLL_S = 0.01


@dataclass(frozen=True, slots=True)
class Cores:
    """Core numbers; an empty set means not pinned."""

    server: frozenset[int] = frozenset()
    generator: frozenset[int] = frozenset()

    @property
    def spin(self) -> bool:
        """Whether the generator may keep its core busy."""
        return bool(self.generator)

    @property
    def said(self) -> str:
        """How the cores are shared out, for the report."""
        if not self.spin:
            return "one core for server and generator: latencies hold the generator's own time, 1 ms resolution"
        server, generator = (",".join(map(str, sorted(cores))) for cores in (self.server, self.generator))
        return f"server on core {server}, generator on {generator}"


def split(available: frozenset[int], for_server: int = 1) -> Cores:
    """The first ``for_server`` cores serve, the rest generate; with a single core both share it."""
    ordered = sorted(available)
    cut = max(1, min(for_server, len(ordered) - 1))
    return Cores(frozenset(ordered[:cut]), frozenset(ordered[cut:])) if len(ordered) > 1 else Cores()


def available() -> frozenset[int]:
    """The cores that this process may use; empty where the kernel cannot say."""
    return frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else frozenset()


def pin(pid: int, cores: frozenset[int]) -> None:
    """Keep a process that has just started, and all that it starts later, on ``cores``."""
    if cores:
        os.sched_setaffinity(pid, cores)


def end_all(grace_s: float = 10.0) -> None:
    """End every process below this one, such as a child whose block an interrupt kept from being entered."""
    left = psutil.Process().children(recursive=True)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        _, left = psutil.wait_procs(left, grace_s)


def wait_until(reached: Callable[[], bool], limit_s: float) -> bool:
    """Ask ``reached`` every 10 ms until it says so; False where it has not within ``limit_s``."""
    deadline = time.monotonic() + limit_s
    while not reached():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_S)
    return True


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


class Child(AbstractContextManager["Child"]):
    """A running command. Leaving the ``with`` block ends it: SIGTERM, then SIGKILL when ``grace_s`` is over."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str],
        cores: frozenset[int] = frozenset(),
        grace_s: float = 30.0,
        members: Callable[[], Iterable[int]] = tuple,
    ) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = log
        self._grace_s = grace_s
        self._members = members  # processes beyond the group that belong to it, as those of a dyno do
        self._seen: set[psutil.Process] = set()  # below this one, those among them that lead groups of their own
        self.killed = False
        with log.open("ab") as sink:
            self._process = subprocess.Popen(  # noqa: S603 - commands are the suite's own, never a stranger's
                list(command),
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        pin(self._process.pid, cores)

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Of the process that was started; also the number of its group."""
        return self._process.pid

    def status(self) -> int | None:
        """The exit status, None while it runs."""
        return self._process.poll()

    def wait(self, timeout_s: float) -> int | None:
        """The exit status, None when it still runs after ``timeout_s``."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)
        return self._process.returncode

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to every process of the group and to every member, as a dyno does."""
        with suppress(psutil.NoSuchProcess):
            self._seen.update(psutil.Process(self.pid).children(recursive=True))
        with suppress(ProcessLookupError):  # gone already, which is what a signal to end it wants
            os.killpg(self.pid, number)
        for stray in self._strays():
            with suppress(psutil.NoSuchProcess):
                stray.send_signal(number)

    def stop(self) -> None:
        """End the whole group and wait until it is gone. A second call does nothing."""
        self.signal(signal.SIGTERM)
        if not wait_until(self._is_gone, self._grace_s):
            self.killed = True
            self.signal(signal.SIGKILL)
        self._process.wait()

    def log_tail(self) -> str:
        """The last lines that the command wrote."""
        lines = self._log.read_bytes()[-_TAIL_BYTES:].decode("utf-8", "replace").splitlines()
        return "\n".join(lines[-_TAIL_LINES:])

    def _is_gone(self) -> bool:
        self._process.poll()  # reaps the leader, which would otherwise keep its group alive
        with suppress(ProcessLookupError):
            os.killpg(self.pid, 0)
            return False
        return not self._strays()

    def _strays(self) -> list[psutil.Process]:
        """Members and those once seen below this process that have left the group, zombies apart."""
        strays = []
        for pid in {*self._members(), *(process.pid for process in self._seen if process.is_running())}:
            with suppress(ProcessLookupError, psutil.NoSuchProcess):
                process = psutil.Process(pid)
                if os.getpgid(pid) != self.pid and process.status() != psutil.STATUS_ZOMBIE:
                    strays.append(process)
        return strays
