"""What the integration tests share: servers, the example models, and the figures they report at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.integration.originals import EXAMPLES, Original, load_original
from tests.support.integration.running import ROOT, Running, running

MODELS = ROOT / "examples" / "models"
FIGURES = pytest.StashKey[list[str]]()

Start = Callable[..., Running]
Report = Callable[[str], None]


@pytest.fixture(scope="session")
def models() -> Path:
    """The folder of the example models."""
    missing = [name for name in EXAMPLES if not (MODELS / name / "1" / "model.onnx").is_file()]
    if missing:
        pytest.fail(f"no example model {', '.join(missing)}: run `make models` first", pytrace=False)
    return MODELS


@pytest.fixture(scope="session")
def originals() -> dict[str, Original]:
    """The four example models as scikit-learn has them, by name."""
    missing = [name for name in EXAMPLES if not (ROOT / "build" / f"{name}.pkl").is_file()]
    if missing:
        pytest.fail(f"no pickle of {', '.join(missing)}: run `make models` first", pytrace=False)
    return {name: load_original(ROOT / "build" / f"{name}.pkl") for name in EXAMPLES}


@pytest.fixture
def start(models: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts a server with the example models and the settings given; it is ended after the test."""
    with ExitStack() as stack:
        count = 0

        def start_one(*command: str, out: int | None = None, **settings: str) -> Running:
            nonlocal count
            count += 1
            folder = {"DYNONNX_MODELS": str(models), "DYNONNX_DEFAULT_MODEL": "iris"}
            if "DYNONNX_MODELS" in settings:
                del folder["DYNONNX_DEFAULT_MODEL"]
            log = tmp_path / f"server-{count}.log"
            return stack.enter_context(running(folder | settings, log, *([command] if command else []), out=out))

        yield start_one


@pytest.fixture(scope="session")
def served(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server with two workers for all tests that leave it as it was."""
    settings = {"DYNONNX_MODELS": str(models), "DYNONNX_DEFAULT_MODEL": "iris", "WEB_CONCURRENCY": "2"}
    with running(settings, tmp_path_factory.mktemp("served") / "server.log") as server:
        yield server


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """Takes a line with a measured figure, to be shown after the tests."""
    return request.config.stash.setdefault(FIGURES, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Shows what was measured."""
    for line in config.stash.get(FIGURES, []):
        terminalreporter.write_line(f"measured: {line}")
