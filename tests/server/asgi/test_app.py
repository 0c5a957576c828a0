"""The application: other models can be served behind the same routes, and those from before are let go."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

from server.asgi.app import App
from server.endpoints.lifecycle import Endpoints
from server.metrics.scoreboard import Scoreboard
from server.models.repository import Repository
from server.settings import Settings
from tests.support.server.doors import load
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
