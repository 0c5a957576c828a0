"""What the bench's tests share: an example model trained for real, its cases, and servers with known faults."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import joblib
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench.baselines.serving import Running, serving
from bench.baselines.systems import System
from bench.load.cases import Case, make_cases, write_cases
from bench.load.generator import Generator
from bench.load.models import rows_for
from bench.machine.processes import available, split
from bench.record import results
from bench.turns.bench import Bench

STANDIN = Path(__file__).resolve().parents[1] / "support" / "bench" / "standin.py"

Serve = Callable[..., Running]


@pytest.fixture(scope="session")
def iris() -> Any:
    data = load_iris(as_frame=True)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return model.fit(data.data, data.target_names[data.target])


@pytest.fixture(scope="session")
def pickles(iris: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("build")
    joblib.dump(iris, folder / "iris.pkl")
    return folder


@pytest.fixture(scope="session")
def cases(iris: Any) -> list[Case]:
    return make_cases(iris, rows_for("iris"))


@pytest.fixture(scope="session")
def cases_file(cases: list[Case], tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("cases") / "cases.json"
    write_cases(cases, file)
    return file


@pytest.fixture(scope="session")
def generator() -> Generator:
    return Generator(split(available()))


def _silent(line: str, seconds: float = 0.0) -> None:
    """Progress that nobody reads."""


@pytest.fixture
def made_bench(
    iris: Any, pickles: Path, cases: list[Case], cases_file: Path, tmp_path: Path, generator: Generator
) -> Bench:
    """A bench that has measured nothing yet; what it says of its progress is dropped."""
    run = results.new("x", {"model": "iris", "goal_ms": 50.0})
    questions = (cases, cases_file, pickles, iris, rows_for("iris"))
    return Bench(run, tmp_path, generator, _silent, *questions, warm_up_s=0.3)


@pytest.fixture
def standin(cases: list[Case], cases_file: Path, tmp_path: Path, generator: Generator) -> Iterator[Serve]:
    """Starts a server with the faults given as command line options; all are ended after the test."""
    with ExitStack() as stack:

        def start(*faults: str, golden: Case = cases[0]) -> Running:
            command = (sys.executable, str(STANDIN), str(cases_file), "--port", "{port}", *faults)
            return stack.enter_context(serving(System("standin", command), golden, tmp_path, generator.cores.server))

        yield start
