"""The libraries round scikit-learn: what people build of them agrees, behind the walls too."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from tests.campaigns.coverage import libraries, measure
from tests.campaigns.coverage.data import Case

ROOT = Path(__file__).parents[3]
CASES = [case for group in libraries.GROUPS for case in group()]
IN_A_CHILD = (
    "TargetEncoder > LogisticRegression",
    "SMOTENC > columns > LogisticRegression",
    "MeanEncoder(smoothing=5.0, unseen='encode') > tree",
)


@pytest.mark.skipif(not CASES, reason="the optional libraries are not installed: make libraries")
def test_there_are_cases() -> None:
    assert {case.group for case in CASES} >= {"encoders", "engines", "imbalanced", "statistics"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES[::12], ids=lambda case: f"{case.group}: {case.name}")
def test_a_case_agrees(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convert.proof.questions.ROWS", 100)  # the slow suite has all cases, and all rows
    measured = measure.ours(case.make())
    assert measured.status == "agrees" or case.name in libraries.REFUSED, measured.why


@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in CASES if case.name in IN_A_CHILD], ids=lambda case: case.name)
def test_it_opens_behind_the_walls(case: Case, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (tmp_path / "m.pkl").write_bytes(pickle.dumps(case.make()))
    words = [sys.executable, "-m", "convert", str(tmp_path / "m.pkl"), "--out", str(tmp_path / "m.onnx")]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
