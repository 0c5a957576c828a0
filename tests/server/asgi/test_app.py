"""The application: other models behind the same routes, keys and origins, whichever door a request takes."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import orjson
import pytest

from server.asgi.app import App
from server.endpoints.lifecycle import Endpoints
from server.metrics.scoreboard import Scoreboard
from server.models.repository import Repository
from server.settings import Settings
from tests.support.server import models
from tests.support.server.doors import DOORS, ROW, get, load, open_door, post
from tests.support.server.models import classifier, plain


def test_other_models_take_their_place_and_leave_nothing_behind(tmp_path: Path) -> None:
    settings = Settings()
    app = App(Endpoints(load(tmp_path / "a", {"iris": classifier()}, settings), settings, Scoreboard(1, 4), 1))
    gone = weakref.ref(app.endpoints.repository.get("iris").runtime)
    before = app.endpoints.openapi_document
    assert "/models/iris/predict" in before["paths"]
    app.replace_models(load(tmp_path / "b", {"plain": plain()}, settings))
    gc.collect()
    assert gone() is None
    after = app.endpoints.openapi_document
    assert "/models/plain/predict" in after["paths"]
    assert "/models/iris/predict" not in after["paths"]
    assert "iris" not in str(after)
    app.replace_models(Repository([], {}))
    assert "/models/plain/predict" not in app.endpoints.openapi_document["paths"]
    assert "/models" in app.endpoints.openapi_document["paths"]


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
            for request in (post(ROW, "/predict", *lines), get("/metrics", "GET", *lines), get("/docs", "GET", *lines)):
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
