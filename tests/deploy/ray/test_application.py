"""The server in replicas of Ray Serve, behind its HAProxy, on nodes of a real cluster that are lost, changed, added."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

pytest.importorskip("ray", reason="Ray is not installed: make test-scale")

from tests.conftest import ROOT
from tests.support.integration.running import Running, free_port, poll, running
from tests.support.models.loading import put
from tests.support.ray.cluster import Nodes, cluster
from tests.support.ray.serving import PATIENCE, deploy, load, replicas, wait_until_running

pytestmark = pytest.mark.filterwarnings("default")  # of Ray's own
MODELS = ROOT / "examples" / "models"
REPLICA = "ray::ServeReplica:dynonnx:Replica"
ONE_EACH = {"autoscaling_config": None, "num_replicas": 2, "health_check_period_s": 1, "health_check_timeout_s": 10}
ROW = b"[5.1,3.5,1.4,0.2]"
V2 = b'{"inputs":[{"name":"X","datatype":"FP32","shape":[1,4],"data":[5.1,3.5,1.4,0.2]}]}'
NAMES = b"sepal length (cm),sepal width (cm),petal length (cm),petal width (cm)"
MEASURED = ("cost", "served")  # of a model's description


def settings(models: Path = MODELS) -> dict[str, Any]:
    return {"DYNONNX_MODELS": str(models), "DYNONNX_DEFAULT_MODEL": "iris", "DYNONNX_MAX_ROWS": 100}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The server by itself."""
    told = {name: str(value) for name, value in settings().items()}
    with running(told, tmp_path_factory.mktemp("plain") / "log") as server:
        yield server


@pytest.fixture(scope="module")
def questions(plain: Running) -> dict[bytes, bytes]:
    """Many questions to iris, and their answers by the server by itself."""
    bodies = [b'{"features":[%d.5,3.5,%d.4,0.2]}' % (number % 9, number % 7) for number in range(63)]
    return {body: plain.ask("POST", "/models/iris/predict", body).body for body in bodies}


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with cluster() as nodes:
        nodes.add()
        nodes.add()
        yield nodes


@pytest.fixture(scope="module")
def port(nodes: Nodes) -> int:
    """Where two replicas serve, on a node each."""
    port = free_port()
    deploy(port, settings(), **ONE_EACH)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        poll(lambda: client.get("/v2/health/ready").status_code == 200, "the ingress knows a replica", PATIENCE)
    return port


def once(questions: Mapping[bytes, bytes]) -> dict[bytes, frozenset[bytes]]:
    return {body: frozenset((answer,)) for body, answer in questions.items()}


REQUESTS: dict[str, tuple[str, str, bytes | None, dict[str, str]]] = {
    "predict": ("POST", "/predict", b'{"features":%b}' % ROW, {}),
    "predict-rows": ("POST", "/models/iris/predict", b'{"features":[%b,%b],"probabilities":true}' % (ROW, ROW), {}),
    "version": ("POST", "/models/iris/versions/1/predict", b'{"features":%b}' % ROW, {}),
    "refused": ("POST", "/predict", b'{"features":[1,2]}', {}),
    "no-json": ("POST", "/predict", b"{", {}),
    "too-many-rows": ("POST", "/predict", b'{"features":[%b]}' % b",".join([ROW] * 101), {}),
    "no-model": ("POST", "/models/rose/predict", b"{}", {}),
    "no-route": ("GET", "/nowhere", None, {}),
    "wrong-method": ("DELETE", "/predict", None, {}),
    "csv": ("POST", "/invocations", NAMES + b"\n5.1,3.5,1.4,0.2\n", {"content-type": "text/csv"}),
    "v2": ("POST", "/v2/models/iris/infer", V2, {}),
    "v2-refused": ("POST", "/v2/models/iris/infer", V2.replace(b"FP32", b"INT8"), {}),
    "v2-metadata": ("GET", "/v2/models/iris", None, {}),
    "v2-ready": ("GET", "/v2/models/iris/ready", None, {}),
    "models": ("GET", "/models", None, {}),
    "model": ("GET", "/models/churn", None, {}),
    "index": ("POST", "/v2/repository/index", b"", {}),
    "load": ("POST", "/v2/repository/models/iris/load", b"", {}),
    "health": ("GET", "/health", None, {}),
    "head": ("HEAD", "/models", None, {}),
    "openapi": ("GET", "/openapi.json", None, {}),
    "page": ("GET", "/", None, {"accept": "text/html"}),
}


STATUS = {
    **dict.fromkeys(("no-json", "v2-refused"), 400),
    **dict.fromkeys(("no-model", "no-route"), 404),
    "wrong-method": 405,
    "too-many-rows": 413,
    "refused": 422,
    "load": 501,
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_replica_answers_the_same_bytes_as_the_server_by_itself(port: int, plain: Running, name: str) -> None:
    method, path, body, headers = REQUESTS[name]
    sent = {"x-request-id": "same-id", "host": "test", "content-type": "application/json", **headers}
    wanted = plain.ask(method, path, body, sent)
    got = httpx.request(method, f"http://127.0.0.1:{port}{path}", content=body, headers=sent, timeout=30)
    assert got.status_code == wanted.status == STATUS.get(name, 200)
    other = {"date", "server", "connection", *(["content-length"] if name == "model" else [])}
    told, by_itself = (
        {key: value for key, value in headers.items() if key not in other} for headers in (got.headers, wanted.headers)
    )
    assert told == by_itself
    if name == "model":
        both = [orjson.loads(text) for text in (got.content, wanted.body)]
        assert [[model.pop(key) for key in MEASURED] for model in both]
        assert both[0] == both[1]
    else:
        assert got.content == wanted.body


def test_a_replica_counts_what_it_answers(port: int) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        for _ in range(20):
            assert client.post("/predict", content=b'{"features":%b}' % ROW).status_code == 200
        text = client.get("/metrics").text
        assert "dynonnx_ready 1.0" in text
        assert 'nv_inference_request_success{model="iris",version="1"}' in text
        assert client.get("/scale").json()["cpus"] == 1.0


def test_a_replica_is_killed_under_load(nodes: Nodes, port: int, questions: dict[bytes, bytes]) -> None:
    with load(port, once(questions)) as asked:
        doomed = nodes.processes(REPLICA)[0]
        doomed.kill()
        poll(lambda: not doomed.is_running(), "it is gone", PATIENCE)
        poll(lambda: replicas() == 2 and len(nodes.processes(REPLICA)) == 2, "another one serves", PATIENCE)
    assert asked.wrong == []
    assert asked.right > 200


def test_a_node_is_killed_under_load(nodes: Nodes, port: int, questions: dict[bytes, bytes]) -> None:
    doomed = nodes.add()
    deploy(port, settings(), **ONE_EACH | {"num_replicas": 3})
    with load(port, once(questions)) as asked:
        nodes.kill(doomed)
        poll(lambda: len(nodes.processes(REPLICA)) == 2, "its replica is gone", PATIENCE)
        before = asked.right
        poll(lambda: asked.right > before + 500, "the others answer", PATIENCE)
        nodes.add()
        poll(lambda: replicas() == 3, "its replica serves elsewhere", PATIENCE)
    assert asked.wrong == []


def test_an_update_loses_no_request(nodes: Nodes, port: int, questions: dict[bytes, bytes], tmp_path: Path) -> None:
    shutil.copytree(MODELS, tmp_path / "models")
    put(tmp_path / "models", "iris/2/model.onnx", (MODELS / "iris" / "1" / "model.onnx").read_bytes())
    newer = {body: answer.replace(b'"model_version":"1"', b'"model_version":"2"') for body, answer in questions.items()}
    with load(port, {body: frozenset((questions[body], newer[body])) for body in questions}) as asked:
        deploy(port, settings(tmp_path / "models"), **ONE_EACH | {"num_replicas": 2})
    assert asked.wrong == []
    assert asked.again == []
    with load(port, once(newer)) as after:
        pass
    assert after.wrong == []


def test_an_update_that_cannot_serve_replaces_none(
    nodes: Nodes, port: int, questions: dict[bytes, bytes], tmp_path: Path
) -> None:
    deploy(port, settings(), **ONE_EACH)
    with load(port, once(questions)) as asked:
        with pytest.raises(AssertionError, match="has no model that serves"):
            deploy(port, settings(tmp_path / "nothing"), **ONE_EACH)
        deploy(port, settings(), **ONE_EACH)
    assert (asked.wrong, asked.again) == ([], [])


def test_replicas_follow_the_demand(nodes: Nodes, port: int, questions: dict[bytes, bytes]) -> None:
    scaling = {
        "min_replicas": 1,
        "max_replicas": 2,
        "upscale_delay_s": 1,
        "downscale_delay_s": 5,
        "look_back_period_s": 11,  # Ray asks that it be longer than the 10 s between its looks
        "policy": {"policy_function": "deploy.ray.policy:scale"},
    }
    deploy(port, settings(), autoscaling_config=scaling, num_replicas=None)
    poll(lambda: replicas() == 1, "nobody asks: one replica serves", PATIENCE)
    with load(port, once(questions), clients=8) as asked:
        poll(lambda: replicas() == 2, "many ask: a second one serves", PATIENCE)
    poll(lambda: replicas() == 1, "nobody asks: one has gone", PATIENCE)
    wait_until_running()
    assert (asked.wrong, asked.again) == ([], [])
