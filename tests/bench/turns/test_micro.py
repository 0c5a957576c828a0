"""Micro's scenarios: every pairing answers rightly, also the models made on the spot; bare costs grow with rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import joblib
import pytest
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType

from bench.baselines.serving import serving
from bench.baselines.systems import nginx_executable
from bench.load.cases import Case, make_cases
from bench.load.client import Address, Connection
from bench.load.models import ModelUnderTest, heavy, rows_for, wide
from bench.turns import bare
from bench.turns.closed_loop import Pairing
from bench.turns.micro import pairings_of


@pytest.fixture(scope="session")
def model(iris: Any, cases: list[Case], tmp_path_factory: pytest.TempPathFactory) -> ModelUnderTest:
    folder = tmp_path_factory.mktemp("model")
    graph = to_onnx(iris, initial_types=[("X", DoubleTensorType([None, 4]))], options={"zipmap": False})
    (folder / "iris.onnx").write_bytes(graph.SerializeToString())
    joblib.dump(iris, folder / "iris.pkl")
    return ModelUnderTest("iris", "iris", folder / "iris.pkl", folder / "iris.onnx", cases)


def pairing(model: ModelUnderTest, name: str, folder: Path) -> Pairing:
    (only,) = [pairing for pairing in pairings_of(model, folder) if pairing.name == name]
    return only


def faults(pairing: Pairing, cases: Sequence[Case], folder: Path) -> list[str | None]:
    with serving(pairing.system, pairing.cases[0], folder, frozenset()) as running:
        address = Address.parse(running.url)
        with Connection(address) as connection:
            answers = [connection.exchange(address.request("POST", case.path, case.body)) for case in cases]
    return [case.fault(answer.status, answer.body) for case, answer in zip(cases, answers, strict=True)]


def test_raw_asgi_answers_as_the_pickle(iris: Any, model: ModelUnderTest, tmp_path: Path) -> None:
    rows = rows_for("iris")[:20]
    cases = [*make_cases(iris, rows), *make_cases(iris, rows, rows_each=1), *make_cases(iris, rows, rows_each=7)]
    assert faults(pairing(model, "raw_asgi", tmp_path), cases, tmp_path) == [None] * len(cases)


@pytest.mark.skipif(nginx_executable() is None, reason="nginx is not installed")
def test_nginx_answers_the_same_to_all(model: ModelUnderTest, tmp_path: Path) -> None:
    constant = pairing(model, "nginx", tmp_path)
    assert faults(constant, constant.cases[:3], tmp_path) == [None] * 3


@pytest.mark.parametrize("make", [heavy, pytest.param(wide, marks=pytest.mark.slow)])
def test_models_made_on_the_spot_are_answered_rightly(make: Callable[[Path], ModelUnderTest], tmp_path: Path) -> None:
    made = make(tmp_path)
    assert faults(pairing(made, "fastapi_onnx", tmp_path), made.cases[:3], tmp_path) == [None] * 3
    assert faults(pairing(made, "dynonnx", tmp_path), made.dynonnx_cases[:3], tmp_path) == [None] * 3


def test_bare_costs_grow_with_rows(model: ModelUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bare, "BLOCKS", 3)
    rows = rows_for("iris")
    costs = bare.costs(model.artefact, rows, model.cases[0].body, [1, 5000])
    assert 0 < costs.run_us[1] < costs.run_us[5000]
    assert 0 < costs.decode_us < 1000
    assert 0 < costs.encode_us < 1000


def test_bare_costs_are_measured_by_a_process_of_its_own(model: ModelUnderTest) -> None:
    (costs,) = bare.bare_costs({"iris": model}, frozenset()).values()
    assert list(costs.run_us) == [1, 22, 64]
