"""The calls that the page shows, each run as it stands there: they answer as the page does."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest

from tests.integration.page.conftest import Visit
from tests.support.server.doors import Door, post

if TYPE_CHECKING:
    from playwright.sync_api import Page

NAMES = ["mixed", *(pytest.param(name, marks=pytest.mark.slow) for name in ("iris", "genes", "plain"))]


def program(page: Page, language: str) -> str:
    """What stands under a tab."""
    page.get_by_role("tab", name=language, exact=True).click()
    return str(page.locator(".code [role=tabpanel]:visible code").text_content())


def as_json(code: str, answer: str, dumps: str) -> str:
    """The same program, its answer printed as JSON rather than as the language shows it."""
    assert answer in code
    return code.replace(answer, f"{dumps}({answer})")


def output(*command: str) -> str:
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.parametrize("name", NAMES)
def test_every_call_answers_as_the_page_does(door: Door, visit: Visit, tmp_path: Path, name: str) -> None:
    page = visit(door, f"/#{name}")
    curl = program(page, "curl")
    told = orjson.loads(output("sh", "-c", curl))
    body = curl.split("-d '", 1)[1].removesuffix("'").encode()
    assert told == orjson.loads(door.ask(post(body, f"/models/{name}/predict")).body)
    requests = as_json(program(page, "Python"), "answer.json()", "__import__('json').dumps")
    assert orjson.loads(output(sys.executable, "-c", requests)) == told
    node = shutil.which("node")
    if node is not None:
        (tmp_path / "call.mjs").write_text(
            as_json(program(page, "JavaScript"), "await answer.json()", "JSON.stringify")
        )
        assert orjson.loads(output(node, str(tmp_path / "call.mjs"))) == told


@pytest.mark.slow
def test_tritonclient_sends_the_same_row(door: Door, visit: Visit) -> None:
    pytest.importorskip("tritonclient.http", reason="tritonclient is not installed")
    assert "setosa" in output(sys.executable, "-c", program(visit(door, "/#iris"), "tritonclient"))
    page = visit(door, "/#mixed")
    body = program(page, "curl").split("-d '", 1)[1].removesuffix("'").encode()
    told = orjson.loads(door.ask(post(body, "/models/mixed/predict")).body)["prediction"]
    assert float(output(sys.executable, "-c", program(page, "tritonclient")).strip("[] \n")) == pytest.approx(told)


def has_httr2() -> bool:
    script = shutil.which("Rscript")
    return script is not None and subprocess.run([script, "-e", "library(httr2)"], capture_output=True).returncode == 0


def test_r_is_a_list_by_name(door: Door, visit: Visit) -> None:
    code = program(visit(door, "/#mixed"), "R")
    assert "httr2" in code
    assert '"features" = list("city" = "' in code
    if has_httr2():
        assert "prediction" in output("Rscript", "-e", code)


def test_quotes_of_a_text_break_no_call(door: Door, visit: Visit) -> None:
    page = visit(door, "/#mixed")
    nasty = 'it\'s $HOME `id` "x" \\n %s \u2028 ${1}'
    page.get_by_label("plan", exact=True).fill(nasty)
    page.evaluate("new Promise(requestAnimationFrame)")
    told = orjson.loads(output("sh", "-c", program(page, "curl")))
    assert "prediction" in told
    requests = as_json(program(page, "Python"), "answer.json()", "__import__('json').dumps")
    assert orjson.loads(output(sys.executable, "-c", requests)) == told
