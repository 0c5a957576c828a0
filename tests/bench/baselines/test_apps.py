"""The baselines answer as the pickle does, one row and many; otherwise a comparison with them would mean nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType

from bench.baselines.serving import serving
from bench.baselines.systems import BASELINES, baseline
from bench.load.cases import Case, make_cases
from bench.load.client import Address, Connection
from bench.load.models import rows_for


@pytest.fixture(scope="session")
def artefact(iris: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("models") / "model.onnx"
    types = [("X", DoubleTensorType([None, 4]))]
    file.write_bytes(to_onnx(iris, initial_types=types, options={"zipmap": False}).SerializeToString())
    return file


@pytest.mark.parametrize("name", list(BASELINES))
def test_a_baseline_answers_as_the_pickle(
    name: str, iris: Any, pickles: Path, artefact: Path, cases: list[Case], tmp_path: Path
) -> None:
    rows = [*rows_for("iris")[:20], [5, 3, 1, 0]]  # whole numbers too
    every = [
        *cases[:20],
        *make_cases(iris, rows),
        *make_cases(iris, rows, rows_each=1),
        *make_cases(iris, rows, rows_each=7),
    ]
    with serving(baseline(name, pickles / "iris.pkl", artefact), cases[0], tmp_path, frozenset()) as running:
        target = Address.parse(running.url)
        with Connection(target) as connection:
            answers = [connection.exchange(target.request("POST", case.path, case.body)) for case in every]
            bad = connection.exchange(target.request("POST", "/predict", b'{"features":{}}'))
    faults = [case.fault(answer.status, answer.body) for case, answer in zip(every, answers, strict=True)]
    assert faults == [None] * len(every)
    assert bad.status == (500 if name == "raw_asgi" else 422)  # which checks nothing
