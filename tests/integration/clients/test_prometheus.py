"""A real Prometheus scrapes the real server: rules load, every query of rules and dashboard answers with numbers."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from tests.integration.conftest import Start
from tests.support.integration.running import ROOT, Running, free_port, poll
from tests.support.integration.wire import request
from tests.support.server.doors import Client

OBSERVING = ROOT / "deploy" / "observing"
RULES = yaml.safe_load((OBSERVING / "rules.yml").read_text())["groups"][0]["rules"]
RECORDED = [rule["record"] for rule in RULES if "record" in rule]
ALERTS = {rule["alert"]: rule["expr"] for rule in RULES if "alert" in rule}
DASHBOARD = json.loads((OBSERVING / "dashboard.json").read_text())
QUERIES = {
    f"{panel['title']}, {target['refId']}": target["expr"]
    for panel in DASHBOARD["panels"]
    for target in panel["targets"]
}
VARIABLES = {"$instance": ".*", "$model": ".*", "$__rate_interval": "1m"}
QUERY_SECONDS = 10.0

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None,
    reason="there is no prometheus here: apt-get install prometheus",
)


class Prometheus:
    """A running Prometheus."""

    def __init__(self, port: int) -> None:
        self._at = f"http://127.0.0.1:{port}"

    def read(self, path: str, **parameters: str) -> Any:
        """What its API answers; None while it does not."""
        try:
            address = f"{self._at}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
            with urllib.request.urlopen(address, timeout=QUERY_SECONDS) as answer:
                return json.load(answer)["data"]
        except OSError:
            return None

    def numbers(self, query: str) -> list[float]:
        """The numbers of a query's samples, now."""
        data = self.read("query", query=query)
        return [] if data is None else [float(sample["value"][1]) for sample in data["result"]]


@contextmanager
def asked(server: Running) -> Iterator[None]:
    """Asks a server for right, wrong and v2 predictions, until the block ends."""
    ends = threading.Event()
    good = request("/predict", {"features": [5.1, 3.5, 1.4, 0.2]})
    bad = request("/predict", {"features": ["x"]})

    def ask() -> None:
        client = Client(server.port)
        while not ends.wait(0.005):
            assert client.send(good).read().status == 200
            assert client.send(bad).read().status == 422
        client.close()

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join(30)


@contextmanager
def watching(server: Running, folder: Path) -> Iterator[Prometheus]:
    """A Prometheus with our configuration and rules that scrapes a server every second, until the block ends."""
    config = yaml.safe_load((OBSERVING / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{server.port}"]}]
    folder.mkdir()
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    shutil.copy(OBSERVING / "rules.yml", folder / "rules.yml")
    port = free_port()
    command = ["prometheus", "--config.file=prometheus.yml", f"--web.listen-address=127.0.0.1:{port}"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, "--storage.tsdb.path=data"], cwd=folder, stdout=log, stderr=log)
        try:
            yield Prometheus(port)
        finally:
            process.terminate()
            process.wait(30)


def filled(query: str) -> str:
    for name, value in VARIABLES.items():
        query = query.replace(name, value)
    return query


def check_metrics(text: bytes) -> None:
    """Asserts that promtool finds nothing wrong with a scrape, but for Triton's names, which are as they are."""
    told = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    lines = told.stderr.decode().splitlines()
    assert told.returncode in (0, 3), lines
    assert [line for line in lines if not line.startswith("nv_")] == []


def test_every_alert_compares_what_answers() -> None:
    """So an alert that is silent is so because all is well, not because its query finds nothing."""
    for name, expression in ALERTS.items():
        left, *_ = re.split(r" (?:==|>|<) ", expression)
        known = left.partition("{")[0]
        assert known in RECORDED or known in ("up", "dynonnx_ready"), name


@needs_prometheus
def test_promtool_finds_nothing_wrong() -> None:
    told = subprocess.run(
        ["promtool", "check", "config", "prometheus.yml"], cwd=OBSERVING, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert "SUCCESS: 15 rules found" in told.stdout


@needs_prometheus
def test_every_query_answers_on_live_numbers(start: Start, tmp_path: Path) -> None:
    server = start(WEB_CONCURRENCY="1")
    with asked(server), watching(server, tmp_path / "prometheus") as prometheus:
        wanted = {name: filled(query) for name, query in QUERIES.items()} | {name: name for name in RECORDED}
        for alert, expression in ALERTS.items():
            wanted[alert] = re.split(r" (?:==|>|<) ", expression)[0]
        silent = dict(wanted)

        def answered() -> bool:
            for name, query in list(silent.items()):
                numbers = prometheus.numbers(query)
                if numbers and all(number == number for number in numbers):  # none is NaN
                    del silent[name]
            return not silent

        try:
            poll(answered, "every query answers", 60.0)
        except AssertionError:
            pytest.fail(f"no answer: {silent}")
        check_metrics(server.ask("GET", "/metrics").body)
        groups = prometheus.read("rules")["groups"]
        health = {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}
        assert set(health.values()) == {"ok"}
        assert len(health) == len(RULES)
        assert prometheus.numbers(filled(QUERIES["Time of a prediction, C"]))[0] < 5.0
