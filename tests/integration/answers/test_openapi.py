"""schemathesis holds a real server to its OpenAPI document: no 5xx, no undocumented answer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.support.integration.running import Running, environment, running
from tests.support.server.models import ARTEFACTS, PLAIN, plain_two_inputs

KEY = "a-key-of-thirty-two-characters-00"
MOST_SECONDS = 3600  # of one search, which takes 25 s of the processor, on a busy machine too: beyond it hangs
# Without the one whose graph itself fails on most numbers: that is a 500, and promised.
ALL_KINDS = (
    ARTEFACTS
    | {kind: make for kind, make in PLAIN.items() if kind != "table lookup"}
    | {"two inputs": plain_two_inputs}
)
# The others' schemas are of these forms; tests/server/asgi/test_openapi.py holds what is answered to each kind's.
FORMS = ("string labels", "one feature", "multi-target regressor", "multi-output classifier", "mixed", "plain")


def put(folder: Path, kinds: Iterable[str]) -> Path:
    """Models of these kinds in a folder; the default has string labels and four features."""
    for kind in kinds:
        (folder / f"{kind.replace(' ', '-')}.onnx").write_bytes(ALL_KINDS[kind]().data)
    return folder


@pytest.fixture(scope="module")
def every_form(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return put(tmp_path_factory.mktemp("models"), (*FORMS, "two inputs"))


@pytest.fixture
def server(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    every_kind = put(tmp_path_factory.mktemp("models"), ALL_KINDS)
    settings = {"DYNONNX_MODELS": str(every_kind), "DYNONNX_DEFAULT_MODEL": "string-labels"}
    with running(settings, tmp_path / "server.log") as started:
        yield started


@pytest.fixture
def keyed(every_form: Path, tmp_path: Path) -> Iterator[Running]:
    """One with keys has all answers of one without, and those for who has none."""
    settings = {"DYNONNX_MODELS": str(every_form), "DYNONNX_DEFAULT_MODEL": "string-labels", "DYNONNX_API_KEYS": KEY}
    with running(settings, tmp_path / "server.log") as started:
        yield started


@pytest.fixture
def controlled(tmp_path: Path) -> Iterator[Running]:
    """One model, and an admin key, which loads and unloads as well."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "iris.onnx").write_bytes(ARTEFACTS["string labels"]().data)
    settings = {"DYNONNX_MODELS": str(tmp_path / "models"), "DYNONNX_API_KEYS": "b" * 32, "DYNONNX_ADMIN_KEYS": KEY}
    with running(settings, tmp_path / "server.log") as started:
        yield started


def search(server: Running, folder: Path, examples: int, *more: str) -> subprocess.CompletedProcess[str]:
    """Lets schemathesis look at every operation of the document; what it finds is its exit status and its report."""
    command = [str(Path(sys.executable).parent / "schemathesis"), "run", f"http://127.0.0.1:{server.port}/openapi.json"]
    options = {
        "--phases": "examples,coverage,fuzzing",
        "--mode": "all",
        "--max-examples": str(examples),
        "--checks": "all",
        "--exclude-checks": "positive_data_acceptance",  # a check of ours stands for it
        "--seed": "1",
        "--generation-database": "none",
        "--header": f"Authorization: Bearer {KEY}",
    }
    return subprocess.run(
        [*command, *(word for option in options.items() for word in option), *more],
        cwd=folder,
        env=environment({"SCHEMATHESIS_HOOKS": "tests.support.integration.openapi_hooks", "COLUMNS": "120"}),
        capture_output=True,
        text=True,
        check=False,
    )


def check(server: Running, folder: Path, examples: int, *more: str) -> None:
    """Searches, and says what was run."""
    run = search(server, folder, examples, *more)
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
    assert "Unresolvable" not in run.stdout
    log = server.read_log()
    assert "a request failed" not in log
    assert "could not be answered" not in log


@pytest.mark.timeout(MOST_SECONDS)
@pytest.mark.parametrize("examples", [1, pytest.param(5, marks=pytest.mark.slow)])
def test_every_answer_is_described_where_a_key_is_needed(keyed: Running, tmp_path: Path, examples: int) -> None:
    check(keyed, tmp_path, examples)


@pytest.mark.slow
@pytest.mark.timeout(MOST_SECONDS)
def test_every_answer_is_described(server: Running, tmp_path: Path) -> None:
    check(server, tmp_path, examples=5)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_every_answer_is_described_where_models_may_be_loaded_and_unloaded(controlled: Running, tmp_path: Path) -> None:
    # Once the model is unloaded, 503 is right; a 500 would stand in the log, which is looked at in any case.
    check(controlled, tmp_path, 50, "--exclude-checks", "positive_data_acceptance,not_a_server_error")
    assert controlled.ask("GET", "/health").status == 200


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_answer_is_described_however_long_one_looks(server: Running, tmp_path: Path) -> None:
    check(server, tmp_path, examples=1000)


def test_the_search_finds_what_is_wrong(tmp_path: Path, every_form: Path) -> None:
    """The same search over a document that says too little of what one route answers."""
    settings = {"DYNONNX_MODELS": str(every_form), "DYNONNX_DEFAULT_MODEL": "string-labels"}
    code = (
        "import server.asgi.read_schemas as schemas; schemas.HEALTH['properties']['status']['const'] = 'fine';"
        " import runpy; runpy.run_module('server', run_name='__main__')"
    )
    with running(settings, tmp_path / "server.log", [sys.executable, "-c", code]) as started:
        run = search(started, tmp_path, 1, "--include-path", "/health")
    assert run.returncode == 1
    assert "/health" in run.stdout
