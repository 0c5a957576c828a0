"""The measurement of binary tensors against a real server, and that it looks at the answers."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from bench.baselines.fastapi_onnx import open_session
from bench.baselines.lanes import dynonnx
from bench.baselines.systems import serving
from bench.errors import BenchError
from bench.turns.tensors import asker, main, rows, subjects


@pytest.mark.filterwarnings("ignore")
def test_both_models_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--turns", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["forest", "linear"]
    assert all(re.search(r"bare run +[0-9]+ us, served +[0-9]+ us, [0-9]+\.[0-9]{2}x$", line) for line in lines)


@pytest.mark.filterwarnings("ignore")
def test_an_answer_that_differs_in_one_bit_is_noticed(tmp_path: Path) -> None:
    *_, subject = subjects(tmp_path)
    table = rows()
    right = open_session(subject.artefact).run(None, {"X": table})[0]
    wrong = right.copy()
    wrong[500] = np.nextafter(wrong[500], np.float32(9))
    with serving(dynonnx([subject], tmp_path), subject.cases[0], tmp_path, frozenset()) as running:
        asker(subject.name, running.url, table, right)()
        with pytest.raises(BenchError, match="a wrong answer of linear: 200"):
            asker(subject.name, running.url, table, wrong)()
