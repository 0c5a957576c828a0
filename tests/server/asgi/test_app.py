"""The application: other models behind the same routes, keys and origins, whichever door a request takes."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import subprocess
import sys
import threading
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pytest

from server.asgi import framework
from server.asgi.app import SWITCH_SECONDS, App
from server.asgi.framework import Framework
from server.asgi.openapi import document
from server.endpoints.lifecycle import Endpoints
from server.metrics.scoreboard import Scoreboard
from server.models.repository import Repository
from server.settings import Settings
from tests.support.server import models
from tests.support.server.doors import DOORS, ROW, get, load, open_door, post
from tests.support.server.models import classifier, plain

ROOT = Path(__file__).parents[3]


def test_other_models_take_their_place_and_leave_nothing_behind(tmp_path: Path) -> None:
    settings = Settings()
    app = App(Endpoints(load(tmp_path / "a", {"iris": classifier()}, settings), settings, Scoreboard(1, 4), 1))
    app.assemble()
    gone = weakref.ref(app.endpoints.repository.get("iris").runtime)
    before = orjson.loads(app.endpoints.openapi_document)
    assert "/models/iris/predict" in before["paths"]
    app.replace_models(load(tmp_path / "b", {"plain": plain()}, settings))
    gc.collect()
    assert gone() is None
    after = orjson.loads(app.endpoints.openapi_document)
    assert "/models/plain/predict" in after["paths"]
    assert "/models/iris/predict" not in after["paths"]
    assert "iris" not in str(after)
    app.replace_models(Repository([], {}))
    paths = orjson.loads(app.endpoints.openapi_document)["paths"]
    assert "/models/plain/predict" not in paths
    assert "/models" in paths


def test_what_serves_predictions_imports_no_framework() -> None:
    code = "import sys, server.processes.application; print(*{name.partition('.')[0] for name in sys.modules})"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"fastapi", "starlette", "pydantic"} & {*told.stdout.split()} == set()


def test_the_first_cold_requests_have_it_assembled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def make(endpoints: Endpoints) -> Framework:
        made.append(threading.current_thread().name)
        return Framework(endpoints)

    with open_door("two", tmp_path, {"iris": classifier()}) as door:
        monkeypatch.setattr(framework, "Framework", make)
        door.app.assembled = lambda: made.append("told")
        assert door.ask(post(ROW)).status == 200
        assert not made, "a prediction needs none"
        with ThreadPoolExecutor(8) as clients:
            answers = list(clients.map(lambda _: door.ask(get("/health")).status, range(8)))
        assert answers == [200] * 8
        assert door.ask(get("/openapi.json")).body == door.app.endpoints.openapi_document
    assert len(made) == 2
    assert made[0].startswith("assembling")
    assert made[1] == "told"


def test_a_model_that_cannot_be_described_costs_no_other_route(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(repository: Repository, *others: Any, **named: Any) -> dict[str, Any]:
        if repository.models:
            raise IndexError
        return document(repository, *others, **named)

    with open_door("two", tmp_path, {"iris": classifier()}) as door:
        monkeypatch.setattr(framework, "document", fail)
        assert door.ask(get("/health")).status == 200
        paths = orjson.loads(door.ask(get("/openapi.json")).body)["paths"]
    assert "/health" in paths
    assert "/predict" not in paths


def test_what_cannot_be_assembled_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(endpoints: Endpoints) -> Framework:
        raise MemoryError

    settings = Settings()
    app = App(Endpoints(load(tmp_path, {"iris": classifier()}, settings), settings, Scoreboard(1, 4), 1))
    with monkeypatch.context() as patch:
        patch.setattr(framework, "Framework", fail)
        for _ in range(2):
            with pytest.raises(MemoryError):
                asyncio.run(app._assemble_apart())
    assert asyncio.run(app._assemble_apart()) is app.assemble()


@pytest.mark.parametrize("fails", [False, True])
def test_the_loop_has_the_interpreter_back_often_while_it_is_assembled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    seen: list[float] = []

    def make(endpoints: Endpoints) -> Framework:
        seen.append(sys.getswitchinterval())
        if fails:
            raise MemoryError
        return Framework(endpoints)

    settings, usual = Settings(), sys.getswitchinterval()
    app = App(Endpoints(load(tmp_path, {"iris": classifier()}, settings), settings, Scoreboard(1, 4), 1))
    monkeypatch.setattr(framework, "Framework", make)
    with pytest.raises(MemoryError) if fails else contextlib.nullcontext():
        asyncio.run(app._assemble_apart())
    assert seen == [pytest.approx(SWITCH_SECONDS)]
    assert usual > SWITCH_SECONDS
    assert sys.getswitchinterval() == usual


def test_it_is_assembled_in_place_where_no_thread_can_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(ThreadPoolExecutor):
        """Of a system at its limit of processes and threads."""

        def submit(self, *_: object, **__: object) -> Future[object]:  # type: ignore[override]
            raise RuntimeError("can't start new thread")

    with open_door("two", tmp_path, {"iris": classifier()}) as door:
        monkeypatch.setattr("server.asgi.app.ThreadPoolExecutor", Full)
        assert [door.ask(get("/health")).status for _ in range(2)] == [200, 200]


def test_where_it_cannot_be_assembled_each_request_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk has gone, say: predictions go on, and cold requests fail as a request does that meets a fault."""

    def fail(endpoints: Endpoints) -> Framework:
        raise ImportError

    with open_door("two", tmp_path, {"iris": classifier()}) as door:
        with monkeypatch.context() as patch:
            patch.setattr(framework, "Framework", fail)
            for _ in range(2):
                told = door.ask(get("/health", "GET", b"X-Request-Id: mine"))
                assert (told.status, told.headers["x-request-id"]) == (500, "mine")
                assert orjson.loads(told.body)["code"] == "internal"
            assert door.ask(post(ROW)).status == 200
        assert door.ask(get("/health")).status == 200
        assert b'dynonnx_errors_total{code="internal"} 2' in door.ask(get("/metrics")).body


@pytest.mark.parametrize("name", DOORS)
def test_keys_guard_everything_but_health(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    key = "k" * 32
    folder = tmp_path_factory.mktemp("m")
    with open_door(name, folder, {"iris": models.classifier()}, API_KEYS=f"{'o' * 32},{key}") as door:
        for wrong in (
            b"",
            b"Authorization: Bearer x",
            b"Authorization: " + key.encode(),
            b"Authorization: Bearer \xff",
        ):
            lines = [wrong] if wrong else []
            for request in (post(ROW, "/predict", *lines), get("/metrics", "GET", *lines)):
                answer = door.ask(request)
                assert (answer.status, orjson.loads(answer.body)["code"]) == (401, "unauthorized")
        right = b"Authorization: bearer " + key.encode()
        assert door.ask(post(ROW, "/predict", right)).status == 200
        assert door.ask(get("/models", "GET", right)).status == 200
        assert door.ask(get("/nowhere")).status == 401
        for path in ("/health", "/v2/health/live", "/v2/health/ready"):
            assert door.ask(get(path)).status == 200


@pytest.mark.parametrize("name", DOORS)
def test_origins_that_may_call(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("m")
    with open_door(name, folder, {"iris": models.classifier()}, CORS_ORIGINS="https://example.org") as door:
        asked = door.ask(post(ROW, "/predict", b"Origin: https://example.org"))
        assert asked.headers["access-control-allow-origin"] == "https://example.org"
        other = door.ask(post(ROW, "/predict", b"Origin: https://evil.example"))
        assert "access-control-allow-origin" not in other.headers
        question = (b"Origin: https://evil.example", b"Access-Control-Request-Method: POST")
        refused = door.ask(get("/predict", "OPTIONS", *question))
        assert (refused.status, orjson.loads(refused.body)["code"]) == (400, "bad_request")


@pytest.mark.parametrize("name", DOORS)
def test_a_client_of_http_1_0_gets_no_answer_before_its_answer(name: str, tmp_path: Path) -> None:
    request = post(ROW, "/predict", b"Expect: 100-continue").replace(b"HTTP/1.1", b"HTTP/1.0")
    with open_door(name, tmp_path, {"iris": models.classifier()}) as door:
        assert door.ask(request).status == 200


def test_after_a_request_to_upgrade_no_other_is_served(tmp_path: Path) -> None:
    upgrade = (b"Connection: Upgrade", b"Upgrade: websocket")
    with open_door("one", tmp_path, {"iris": models.classifier()}) as door:
        client = door.connect().send(post(b"", "/predict", *upgrade, length=len(get("/version"))))
        assert client.read().headers["connection"] == "close"
        with contextlib.suppress(ConnectionError):
            client.send(get("/version"))
        assert client.ended()


@pytest.mark.parametrize("name", DOORS)
def test_a_preflight_needs_no_key_and_opens_nothing(name: str, tmp_path: Path) -> None:
    origins = "https://example.org"
    asking = (b"Origin: https://example.org", b"Access-Control-Request-Method: POST")
    key = "k" * 32
    with open_door(name, tmp_path, {"iris": models.classifier()}, API_KEYS=key, CORS_ORIGINS=origins) as door:
        preflight = door.ask(get("/predict", "OPTIONS", *asking, b"Access-Control-Request-Headers: authorization"))
        assert preflight.status == 200
        assert preflight.headers["access-control-allow-origin"] == "https://example.org"
        assert "authorization" in preflight.headers["access-control-allow-headers"]
        assert door.ask(post(ROW, "/predict", *asking)).status == 401
        assert door.ask(get("/models", "GET", *asking)).status == 401
        assert door.ask(get("/models", "OPTIONS", asking[0])).status == 401


@pytest.mark.parametrize("name", DOORS)
def test_without_origins_an_options_request_needs_a_key(name: str, tmp_path: Path) -> None:
    asking = (b"Origin: https://example.org", b"Access-Control-Request-Method: POST")
    with open_door(name, tmp_path, {"iris": models.classifier()}, API_KEYS="k" * 32) as door:
        assert door.ask(get("/predict", "OPTIONS", *asking)).status == 401


@pytest.mark.parametrize("name", DOORS)
def test_no_answer_leads_to_the_host_that_a_client_names(name: str, tmp_path: Path) -> None:
    with open_door(name, tmp_path, {"iris": models.classifier()}) as door:
        for path in ("/predict/", "/models/", "/docs/", "/health/", "//other.example/predict", "/models/iris/predict/"):
            for request in (post(ROW, path), get(path)):
                answer = door.ask(request.replace(b"Host: test", b"Host: evil.example"))
                assert answer.status == 404
                assert "location" not in answer.headers
                assert b"evil" not in answer.raw


@pytest.mark.parametrize("name", DOORS)
def test_pages_stand_in_no_frame_and_tell_no_referrer(name: str, tmp_path: Path) -> None:
    with open_door(name, tmp_path, {"iris": models.classifier()}) as door:
        for page in (get("/docs"), get("/", "GET", b"Accept: text/html")):
            headers = door.ask(page).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "deny"
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "script-src 'self';" in policy
            assert "unsafe" not in policy
            assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("name", DOORS)
def test_a_client_that_leaves_within_its_body_is_no_error(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with open_door(name, tmp_path, {"iris": models.classifier()}) as door:
        for path in ("/invocations", "/predict?x", "/v2/repository/index"):
            client = door.connect().send(post(b"{", path, length=100))
            assert door.ask(get("/health")).status == 200  # by then it is read
            client.close()
        assert door.ask(get("/health")).status == 200
        assert not any(record.exc_info for record in caplog.records)
    assert "Traceback" not in caplog.text


def ask_with(app: App, path: str, send: Any) -> None:
    """Asks behind a server whose ``send`` is the test's own."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
    }
    scope |= {"http_version": "1.1", "headers": [(b"host", b"test")], "scheme": "http", "client": None}
    app.assemble()
    asyncio.run(app({**scope, "root_path": "", "server": ("test", 80)}, receive, send))


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed"), False),
        (OSError("the client has left"), False),
        (RuntimeError("Response content longer than Content-Length"), True),
    ],
)
def test_a_client_that_leaves_within_its_answer_is_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, error: Exception, told: bool
) -> None:
    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            raise error

    settings = Settings()
    app = App(Endpoints(load(tmp_path, {"iris": models.classifier()}, settings), settings, Scoreboard(1, 1), 1))
    ask_with(app, "/models/iris", send)
    assert any(record.exc_info for record in caplog.records) == told
