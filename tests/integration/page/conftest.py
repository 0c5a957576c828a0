"""Owns a headless Chromium and how a test opens the page in it. Skips with a word where either is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from onnx import helper

from server.artefact.metadata import Feature, Output, to_metadata
from tests.support.integration.running import ROOT
from tests.support.server import models
from tests.support.server.doors import Door, open_door

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request

CHROMIUM = Path("/usr/bin/chromium")
SECONDS = 30  # for what a person waits a blink, on a busy machine
HOSTILE = "<img src=x onerror=alert(1)>"
WIDE = 3000

Visit = Callable[..., "Page"]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One browser for the tests here. It holds an event loop in this thread, so it ends with them."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.is_file():
        pytest.skip(f"there is no {CHROMIUM}")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=str(CHROMIUM))
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def door(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A server of one model of each kind."""
    made = {
        "digits": models.regressor(targets=2),
        "genes": wide(),
        "hostile": hostile(),
        "iris": models.classifier(),
        "mixed": models.mixed(),
        "pair": models.plain_two_inputs(),
        "plain": models.plain(),
        "scores": models.scores_classifier(),
        "targets": models.multi_output_classifier(),
        "transformer": models.transformer(),
    }
    settings = {"DEFAULT_MODEL": "iris", "SERVER_TIMING": "1", "MAX_ROWS": "100"}
    with open_door("two", tmp_path_factory.mktemp("page"), made, **settings) as opened:
        yield opened


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Opens a page of a door: ``visit(door, "/#iris", live=None, allowed=(), **context)``.

    ``live``: the body of the stream of live numbers, None: it is the server's own. In the end nothing may stand in the
    console but refusals with the ``allowed`` statuses, and nothing may have been asked of anybody else.
    """
    with ExitStack() as stack:
        opened: list[tuple[str, list[str], Sequence[int]]] = []

        def open_page(
            door: Any, path: str = "/", *, live: str | None = "", allowed: Sequence[int] = (), **context: Any
        ) -> Page:
            base = f"http://127.0.0.1:{door.port}"
            made = browser.new_context(**context)
            stack.callback(made.close)
            page = made.new_page()
            page.set_default_timeout(SECONDS * 1000)
            seen: list[str] = []
            opened.append((base, seen, allowed))

            def on_console(message: ConsoleMessage) -> None:
                seen.append(message.text)

            def on_request(request: Request) -> None:
                if not request.url.startswith((base, "blob:")):
                    seen.append(f"asked {request.url}")

            page.on("console", on_console)
            page.on("pageerror", lambda error: seen.append(str(error)))
            page.on("request", on_request)
            page.on("dialog", lambda dialog: seen.append(f"dialog {dialog.message}"))
            if live is not None:
                page.route("**/live", lambda route: route.fulfill(body=live, content_type="text/event-stream"))
            page.goto(base + path)
            page.locator("article, dialog[open]").first.wait_for()
            return page

        yield open_page
    for _, seen, allowed in opened:
        refused = [f"status of {status} " for status in allowed]
        assert [text for text in seen if not any(part in text for part in refused)] == []


@pytest.fixture(scope="package")
def modules(browser: Browser, door: Door) -> Iterator[Page]:
    """A page of which tests only evaluate the scripts."""
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{door.port}/static/mark.svg")
    yield page
    page.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, which `make axe` puts into build/."""
    source = ROOT / "build" / "axe" / "package" / "axe.min.js"
    if not source.is_file():
        pytest.skip("there is no axe-core: make axe")
    return source.read_text("utf-8")


def wide() -> models.Made:
    """A regressor of 3,000 features: twice the sum of the first two."""
    rows = np.random.default_rng(0).normal(size=(20, WIDE)).round(3)
    weights = np.zeros((WIDE, 1))
    weights[:2] = 2
    features = models.matrix([f"gene {at:04d}" for at in range(WIDE)])
    return linear(features, rows, weights)


def hostile() -> models.Made:
    """A regressor whose feature and producer are markup."""
    rows = np.arange(20.0).reshape(20, 1)
    return linear(models.matrix([HOSTILE]), rows, np.ones((1, 1)))


def linear(features: Sequence[Feature], rows: Any, weights: Any) -> models.Made:
    """``value = X @ weights``, with these golden rows and a hostile producer."""
    value = rows @ weights
    artefact = models.artefact_of(
        "regressor", features, (Output("value", "value"),), None, rows.tolist(), {"value": value}
    )
    metadata = to_metadata(artefact) | {"dynonnx.producer": f'{{"{HOSTILE}": "1"}}'}
    node = helper.make_node("MatMul", ["X", "W"], ["value"])
    inputs: list[tuple[str, int, list[int | str]]] = [("X", models.DOUBLE, ["N", rows.shape[1]])]
    made: list[tuple[str, int, list[int | str]]] = [("value", models.DOUBLE, ["N", 1])]
    return models.Made(models.onnx_file([node], inputs, made, {"W": weights}, metadata), artefact, None, rows)
