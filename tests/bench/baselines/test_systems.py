"""Each server that is compared is started with the file that it serves, under a name of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.baselines.systems import BASELINES, OURS, System, systems_for
from bench.errors import BenchError


def test_missing_files_name_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"iris\.pkl is missing; `make models`"):
        systems_for("iris", tmp_path, tmp_path)


def test_every_baseline_gets_the_file_that_it_serves(tmp_path: Path) -> None:
    for file in (tmp_path / "iris.pkl", tmp_path / "iris" / "1" / "model.onnx"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    systems = systems_for("iris", tmp_path, tmp_path, workers=None)
    assert list(systems) == [OURS, *BASELINES]
    assert "WEB_CONCURRENCY" not in systems[OURS].environment
    assert systems["fastapi_pickle"].command[-3:] == (str(tmp_path / "iris.pkl"), "--port", "{port}")
    assert systems["raw_asgi"].command[-3].endswith("model.onnx")


def test_each_number_of_workers_has_a_name_and_its_own_setting() -> None:
    ours = System("dynonnx", ("serve",), {"PORT": "{port}"})
    assert [ours.with_workers(count).name for count in (1, 8)] == ["1 worker", "8 workers"]
    assert ours.with_workers(8).environment == {"PORT": "{port}", "WEB_CONCURRENCY": "8"}
