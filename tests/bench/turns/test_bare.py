"""The measurement of binary tensors against a real server, and that it looks at the answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.baselines.predictors import open_session
from bench.baselines.serving import serving
from bench.baselines.systems import OURS, dynonnx, repository_of
from bench.errors import BenchError
from bench.load.models import tensor_models, tensor_rows
from bench.record.targets import BARE_RUN, targets
from bench.report import table
from bench.turns.bare import ROUNDS_FACTOR, checked_request, tensor_rounds
from bench.turns.bench import Bench


@pytest.mark.slow  # by the clock
@pytest.mark.filterwarnings("ignore")
def test_both_models_are_measured_beside_the_bare_run(made_bench: Bench) -> None:
    tensor_rounds(made_bench, 1)
    results = made_bench.results
    assert list(results.titles) == ["tensors forest", "tensors linear"]
    for scenario in results.titles:
        assert len(results.peaks_of(scenario, OURS, 1)) == ROUNDS_FACTOR
        assert (results.ratio(scenario, 1, OURS, BARE_RUN, "cpu_us") or 0.0) > 1.0
    (target,) = targets(results)
    assert target.measured == results.ratio("tensors forest", 1, OURS, BARE_RUN, "cpu_us")
    assert "x bare" in table.render(results)


@pytest.mark.filterwarnings("ignore")
def test_an_answer_that_differs_in_one_bit_is_noticed(tmp_path: Path) -> None:
    *_, model = tensor_models(tmp_path)
    rows = tensor_rows()
    right = open_session(model.artefact).run(None, {"X": rows})[0]
    wrong = right.copy()
    wrong[500] = np.nextafter(wrong[500], np.float32(9))
    system = dynonnx(repository_of([model], tmp_path), model.name)
    with serving(system, model.cases[0], tmp_path, frozenset()) as running:
        checked_request(model.name, running.url, rows, right)()
        with pytest.raises(BenchError, match="a wrong answer of linear: 200"):
            checked_request(model.name, running.url, rows, wrong)()
