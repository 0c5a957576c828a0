"""Owns the rates of the server by itself, of a Ray Serve replica and of that behind Serve's HAProxy, by wrk.

One row of iris a request.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

from tests.conftest import ROOT
from tests.support.integration.running import free_port, poll, running
from tests.support.ray.cluster import cluster
from tests.support.ray.serving import PATIENCE, deploy

MODELS = str(ROOT / "examples" / "models")
SETTINGS = {"DYNONNX_MODELS": MODELS, "DYNONNX_DEFAULT_MODEL": "iris"}
ROUNDS, SECONDS, CONNECTIONS = 5, 4, 32
SCRIPT = """
wrk.method = "POST"
wrk.body = '{"features":[5.1,3.5,1.4,0.2]}'
wrk.headers["Content-Type"] = "application/json"
"""


class System(NamedTuple):
    """What is asked, and the processes that answer."""

    name: str
    port: int
    processes: Sequence[psutil.Process]


def asked(system: System, script: Path) -> tuple[float, float]:
    """Requests a second, and processor microseconds of a request over all processes. Exits where one failed."""
    before = used(system)
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s", str(script)]
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{system.port}/predict"], capture_output=True, text=True, check=True
    )
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        sys.exit(f"{system.name}:\n{done.stdout}")
    (number,) = re.findall(r"(\d+) requests in", done.stdout)
    (rate,) = re.findall(r"Requests/sec:\s+([\d.]+)", done.stdout)
    return float(rate), (used(system) - before) / int(number) * 1e6


def used(system: System) -> float:
    """Processor seconds of the system's processes until now."""
    times = [process.cpu_times() for process in system.processes]
    return float(sum(time.user + time.system for time in times))


def replica_port(process: psutil.Process) -> int:
    """Where a replica listens for its ingress."""
    ports = {place.laddr.port for place in process.net_connections("tcp") if place.status == psutil.CONN_LISTEN}
    (port,) = [port for port in ports if 30_000 <= port <= 31_000]
    return int(port)


def compare(systems: Sequence[System], script: Path) -> Iterator[str]:
    """Yields a line for each, with its medians."""
    for system in systems:
        asked(system, script)  # warm
    figures: dict[str, list[tuple[float, float]]] = {system.name: [] for system in systems}
    for _ in range(ROUNDS):
        for system in systems:
            figures[system.name].append(asked(system, script))
    for name, pairs in figures.items():
        rate, cost = (statistics.median(values) for values in zip(*pairs, strict=True))
        yield f"{name:44} {rate:9,.0f}/s  {cost:6.1f} us of processor time a request"


def measure_serving() -> Iterator[str]:
    """Yields a line for each way."""
    with tempfile.TemporaryDirectory() as place, cluster() as nodes:
        script = Path(place) / "post.lua"
        script.write_text(SCRIPT)
        nodes.add(2)
        port = free_port()
        deploy(port, SETTINGS, autoscaling_config=None, num_replicas=1)
        with running({**SETTINGS, "WEB_CONCURRENCY": "1"}, Path(place) / "log") as server:
            (replica,) = nodes.processes("ray::ServeReplica:dynonnx:Replica")
            poll(lambda: bool(proxies()), "HAProxy runs", PATIENCE)
            worker = psutil.Process(server.workers()[0])
            by_itself = System("python -m server, one worker", server.port, [worker])
            direct = System("a Ray Serve replica", replica_port(replica), [replica])
            behind = System("a Ray Serve replica behind Serve's HAProxy", port, [replica, *proxies()])
            yield from compare([by_itself, direct, behind], script)


def proxies() -> list[psutil.Process]:
    """HAProxy's processes of the cluster."""
    return [child for child in psutil.Process().children(recursive=True) if child.name() == "haproxy"]
