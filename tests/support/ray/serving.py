"""Owns a Serve application of a test, deployed as `serve deploy` does it, and clients that ask it all the time."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import yaml  # type: ignore[import-untyped]
from ray import serve
from ray.serve.context import _get_global_client
from ray.serve.schema import ServeDeploySchema

from tests.conftest import ROOT
from tests.support.integration.running import poll

FILE = ROOT / "deploy" / "ray" / "serve.yaml"
PATIENCE = 240.0  # seconds; of what takes a few on an idle machine
NAME = "dynonnx"
RETRIED = frozenset({500, 502, 503, 504})  # what a client of a cluster asks again: a prediction changes nothing


def deploy_file() -> dict[str, Any]:
    """What deploy/ray/serve.yaml says."""
    told: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return told


def deploy(port: int, settings: Mapping[str, Any], **options: Any) -> None:
    """Deploys the file's application with other settings and options of its deployment; None takes one away.

    Returns once it serves so.
    """
    told = deploy_file()
    (application,) = told["applications"]
    (deployment,) = application["deployments"]
    application["args"] = dict(settings)
    deployment.update(options)
    for name in [name for name, value in options.items() if value is None]:
        del deployment[name]
    told["proxy_location"] = "HeadOnly"
    told["http_options"] |= {"port": port}
    with contextlib.suppress(TimeoutError):  # it waits for the ingress as long as an idle machine needs
        serve.start(proxy_location="HeadOnly", http_options=told["http_options"])
    _get_global_client().deploy_apps(ServeDeploySchema.model_validate(told))
    wait_until_running()


def wait_until_running() -> None:
    """Until every replica that is wanted serves, and no other."""
    poll(_runs, "the application runs", PATIENCE)


def _runs() -> bool:
    application = serve.status().applications.get(NAME)
    assert application is None or application.status != "DEPLOY_FAILED", application
    return application is not None and application.status == "RUNNING"


def replicas() -> int:
    """How many replicas serve."""
    (deployment,) = serve.status().applications[NAME].deployments.values()
    return sum(number for state, number in deployment.replica_states.items() if state == "RUNNING")


@dataclass
class Asked:
    """What came of the requests of a load. ``again``: attempts that had to be repeated."""

    right: int = 0
    again: list[str] = field(default_factory=list)
    wrong: list[bytes] = field(default_factory=list)


@contextlib.contextmanager
def load(port: int, questions: Mapping[bytes, frozenset[bytes]], clients: int = 4) -> Iterator[Asked]:
    """Asks all the time while the block runs. ``questions``: each with its right answers."""
    asked, stop = Asked(), threading.Event()

    def ask(first: int) -> None:
        bodies = list(questions)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            at = first
            while not stop.is_set():
                body = bodies[at % len(bodies)]
                at += 1
                answer = _answer(client, body, asked)
                if answer in questions[body]:
                    asked.right += 1
                else:
                    asked.wrong.append(answer)

    threads = [threading.Thread(target=ask, args=(7 * number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        poll(lambda: asked.right > 100 or bool(asked.wrong), "the load runs", PATIENCE)
        yield asked
        before = asked.right
        poll(lambda: asked.right > before + 100 or bool(asked.wrong), "the load still runs", PATIENCE)
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _answer(client: httpx.Client, body: bytes, asked: Asked) -> bytes:
    """The answer to one question, asked again where a replica or its node was lost."""
    while True:
        try:
            response = client.post("/models/iris/predict", content=body, headers={"content-type": "application/json"})
        except httpx.TransportError as error:
            asked.again.append(repr(error))
            continue
        if response.status_code not in RETRIED:
            return response.content
        asked.again.append(f"{response.status_code} {response.text[:100]}")
