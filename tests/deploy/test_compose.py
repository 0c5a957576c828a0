"""The compose file and what it mounts: docker-compose, HAProxy and promtool take them; HAProxy asks real servers."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from server.processes.application import KEEP_ALIVE_SECONDS
from server.settings import Settings, read_settings
from tests.conftest import ROOT
from tests.support.integration.running import Running, free_port, poll, running
from tests.support.integration.wire import Answer
from tests.support.models.loading import put
from tests.support.server.models import classifier

FOLDER = ROOT / "deploy" / "compose"
SERVICES: dict[str, Any] = yaml.safe_load((FOLDER / "docker-compose.yml").read_text())["services"]
HAPROXY = (FOLDER / "haproxy.cfg").read_text()
PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
BODY = json.dumps({"features": [5.1, 3.5, 1.4, 0.2]}).encode()


def needed(name: str) -> str:
    found = shutil.which(name, path=PATH)
    if found is None:
        pytest.skip(f"there is no {name} here: apt-get install {name}")
    return found


def check(*command: str | Path, cwd: Path = FOLDER) -> None:
    done = subprocess.run([*command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def mounted(service: str, folder: Path) -> Path:
    """A folder with what a service mounts, at its places there."""
    for mount in SERVICES[service]["volumes"]:
        source, target, _ = mount.split(":")
        place = folder / target.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(FOLDER / source, place)
    return folder


def test_every_file_that_is_mounted_is_there() -> None:
    for name, service in SERVICES.items():
        for mount in service["volumes"]:
            assert (FOLDER / mount.partition(":")[0]).exists(), name
    named = {mount.partition(":")[0].removeprefix("./") for each in SERVICES.values() for mount in each["volumes"]}
    assert {file.name for file in FOLDER.iterdir()} <= named | {"docker-compose.yml"}


def test_the_servers_are_those_of_the_image() -> None:
    server = SERVICES["dynonnx"]
    assert (FOLDER / server["build"] / "Dockerfile").samefile(ROOT / "Dockerfile")
    settings = {name: re.sub(r"\$\{\w+:-(.*)\}", r"\1", value) for name, value in server["environment"].items()}
    assert read_settings(settings).forwarded
    assert server["volumes"][0].split(":")[1] == "/app/models"
    assert server["read_only"]
    assert server["cap_drop"] == ["ALL"]
    assert int(server["stop_grace_period"].removesuffix("s")) > 25
    port = Settings().port
    assert f"dynonnx:{port} check" in HAPROXY
    assert (
        yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"][0]["dns_sd_configs"][0]["port"]
        == port
    )


def test_a_router_waits_longer_than_a_server_and_keeps_connections_shorter() -> None:
    times = {name: int(seconds) for name, seconds in re.findall(r"timeout (\S+) (\d+)s", HAPROXY)}
    assert times["server"] * 1000 > Settings().deadline_ms
    assert times["http-keep-alive"] < KEEP_ALIVE_SECONDS


def test_prometheus_takes_its_files_as_they_are_mounted(tmp_path: Path) -> None:
    folder = mounted("prometheus", tmp_path) / "etc" / "prometheus"
    check(needed("promtool"), "check", "config", folder / "prometheus.yml", cwd=folder)


def test_haproxy_takes_its_file() -> None:
    check(needed("haproxy"), "-c", "-f", FOLDER / "haproxy.cfg")


@pytest.mark.slow
def test_docker_compose_takes_the_file() -> None:
    check(needed("docker-compose"), "config", "--quiet")


def ask(port: int, server: Running, method: str = "POST", path: str = "/predict") -> Answer:
    """One request, to another port than the server's own."""
    server.port, own = port, server.port
    try:
        return server.ask(method, path, BODY if method == "POST" else None)
    finally:
        server.port = own


@pytest.mark.slow
def test_haproxy_asks_the_servers_that_are_ready(tmp_path: Path) -> None:
    haproxy, port, numbers = needed("haproxy"), free_port(), free_port()
    put(tmp_path / "models", "iris/1/model.onnx", classifier().data)
    settings = {"DYNONNX_MODELS": str(tmp_path / "models"), "DYNONNX_FORWARDED": "1"}
    with running(settings, tmp_path / "one") as one, running(settings, tmp_path / "other") as other:
        configuration = HAPROXY.replace("bind :8000", f"bind 127.0.0.1:{port}").replace(
            "bind :8404", f"bind 127.0.0.1:{numbers}"
        )
        (template,) = re.findall(r"^    server-template .*$", configuration, re.MULTILINE)
        checks = "check inter 100ms fall 2 rise 1"
        servers = [f"    server s{each.port} 127.0.0.1:{each.port} {checks}" for each in (one, other)]
        (tmp_path / "haproxy.cfg").write_text(configuration.replace(template, "\n".join(servers)))
        process = subprocess.Popen([haproxy, "-db", "-f", tmp_path / "haproxy.cfg"])
        try:

            def answers() -> bool:
                try:
                    return ask(port, one).status == 200
                except OSError:
                    return False

            poll(answers, "HAProxy has a server")
            assert one.stop() == 0
            poll(answers, "the other is asked")
            assert [ask(port, other).status for _ in range(50)] == [200] * 50
            assert b"haproxy_server_http_responses_total" in ask(numbers, other, "GET", "/metrics").body
        finally:
            process.terminate()
            process.wait()
