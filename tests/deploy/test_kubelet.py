"""The real server as kubelet runs it: probed, asked, and ended under load, by what the manifests say."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.deploy.manifests import Manifest, documents, kustomized, pod_of
from tests.support.deploy.pod import Container, can_unshare
from tests.support.integration.running import poll, run_to_end
from tests.support.models.loading import put
from tests.support.server.file_host import file_host, gives
from tests.support.server.models import classifier

pytestmark = pytest.mark.slow
MODEL = classifier().data
BODY = json.dumps({"features": [5.1, 3.5, 1.4, 0.2]}).encode()


def of_image(command: list[str]) -> tuple[str, ...]:
    """A command of the image, whose Python is ours here."""
    assert command[0] == "python"
    return (sys.executable, *command[1:])


@contextlib.contextmanager
def started(pod: Manifest, container: Manifest, settings: dict[str, str], tmp_path: Path) -> Iterator[Container]:
    """A container that runs; it is ended in any case."""
    (tmp_path / "writable").mkdir()
    made = Container(pod, container, settings, tmp_path / "log", tmp_path / "writable")
    try:
        yield made
    finally:
        made.server.stop()


class Clients:
    """Ask one after another, each on a connection that it keeps, until told to stop; note what they got."""

    def __init__(self, port: int, count: int = 8) -> None:
        self.answered = 0
        self.lost: list[str] = []
        self._port, self._over = port, threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(count)]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        """Each ends behind the answer that it waits for."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        while not self._over.wait(0.002):
            try:
                connection.request("POST", "/predict", BODY, {"content-type": "application/json"})
                answer = connection.getresponse()
                answer.read()
            except OSError as error:
                self.lost.append(repr(error))
                return
            if answer.status != 200:
                self.lost.append(str(answer.status))
            self.answered += 1
        connection.close()


def test_a_pod_serves_and_ends_under_load_without_a_loss(tmp_path: Path) -> None:
    pod = pod_of(documents("dynonnx"))
    (container,) = pod["containers"]
    put(tmp_path / "models", "iris/1/model.onnx", MODEL)
    (tmp_path / "models").chmod(0o555)
    with started(pod, container, {"DYNONNX_MODELS": str(tmp_path / "models")}, tmp_path) as made:
        made.wait_until_ready()
        assert made.probe("livenessProbe")
        with Clients(made.server.port) as clients:
            poll(lambda: clients.answered > 100, "clients are answered")
            # While preStop sleeps the Service lets go of the pod: who is there stays until SIGTERM.
            before = clients.answered
            status, seconds = made.end(meanwhile=clients.leave)
            assert clients.answered > before
        assert clients.lost == []
        assert status == 0
        assert seconds < pod["terminationGracePeriodSeconds"]


def test_requests_that_run_when_the_pod_ends_are_answered(tmp_path: Path) -> None:
    """Some ask on through SIGTERM: what was accepted is answered, and the last answer says that the connection ends."""
    pod = pod_of(documents("dynonnx"))
    (container,) = pod["containers"]
    put(tmp_path / "models", "iris/1/model.onnx", MODEL)
    with started(pod, container, {"DYNONNX_MODELS": str(tmp_path / "models")}, tmp_path) as made:
        made.wait_until_ready()
        with Clients(made.server.port) as clients:
            poll(lambda: clients.answered > 100, "clients are answered")
            status, _ = made.end()
        assert status == 0
        # http.client opens a connection anew where the answer closed it; that one is refused, and nothing else is lost.
        assert {error.partition("(")[0] for error in clients.lost} <= {"ConnectionRefusedError"}


def test_a_pod_without_a_model_lives_and_is_not_ready(tmp_path: Path) -> None:
    pod = pod_of(documents("dynonnx"))
    (container,) = pod["containers"]
    with started(pod, container, {"DYNONNX_MODELS": str(tmp_path / "none")}, tmp_path) as made:
        poll(lambda: made.probe("startupProbe"), "it has started")
        assert made.probe("livenessProbe")
        assert not made.probe("readinessProbe")
    put(tmp_path, "models/iris/1/model.onnx", b"hello")
    (check,) = pod["initContainers"]
    status, said = run_to_end({"DYNONNX_MODELS": str(tmp_path / "models")}, of_image(check["command"]))
    assert (status, "is text, not a model" in said) == (1, True)  # the rollout stops here


def test_the_root_filesystem_is_read_only_here(tmp_path: Path) -> None:
    if not can_unshare():
        pytest.skip("only root, with mount namespaces, can have a read-only root here")
    pod = pod_of(documents("dynonnx"))
    (container,) = pod["containers"]
    with file_host() as host:
        host.answers["/iris.onnx"] = gives(MODEL)
        address = f"{host.base}/iris.onnx#sha256={hashlib.sha256(MODEL).hexdigest()}"
        settings = {"DYNONNX_MODELS": "/app/models", "DYNONNX_MODELS_FROM": address}
        with started(pod, container, settings, tmp_path) as made:
            poll(lambda: made.server.process.poll() is not None, "it ends")
            assert "Read-only file system: /app/models/ and the temporary folder must be" in made.server.read_log()


def test_models_that_are_fetched_by_the_init_container_serve_without_their_host(tmp_path: Path) -> None:
    pod = pod_of(kustomized(patch="models-from"))
    (check,), (container,) = pod["initContainers"], pod["containers"]
    folder = tmp_path / "writable" / "models"  # the volume
    with file_host() as host:
        host.answers["/iris.onnx"] = gives(MODEL)
        address = f"{host.base}/iris.onnx#sha256={hashlib.sha256(MODEL).hexdigest()}"
        settings = {"DYNONNX_MODELS": str(folder), "DYNONNX_MODELS_FROM": address}
        folder.mkdir(parents=True)
        assert run_to_end(settings, of_image(check["command"]))[0] == 0
        host.answers.clear()
        made = Container(pod, container, settings, tmp_path / "log", tmp_path / "writable")
        try:
            made.wait_until_ready()
            assert made.server.ask("POST", "/predict", BODY).status == 200
        finally:
            made.server.stop()
        assert len(host.asked) == 1


def test_kserve_serves_the_folder_that_it_mounts(tmp_path: Path) -> None:
    runtime, _ = documents("kserve")
    (container,) = runtime["spec"]["containers"]
    put(tmp_path / "mnt", "iris/1/model.onnx", MODEL)
    settings = {"DYNONNX_MODELS": str(tmp_path / "mnt")}  # /mnt/models there
    with started({}, container, settings, tmp_path) as made:
        poll(lambda: made.probe("readinessProbe"), "it is ready")
        assert made.probe("livenessProbe")
        assert made.server.ask("GET", "/v2/models/iris/ready").status == 200
