"""What a test fits is kept with its rows, once, and what is fitted inside of it is not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.campaigns.outside.dumps import find
from tests.conftest import ROOT

TEST = """
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.linear_model import Ridge

def test_a_pipeline():
    for _ in range(3):
        make_pipeline(StandardScaler(), Ridge()).fit([[0], [1], [2], [5]], [0, 1, 2, 3])
"""


def test_what_a_test_fits_is_kept_once_with_its_rows(tmp_path: Path) -> None:
    (tmp_path / "test_of_others.py").write_text(TEST)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.campaigns.outside.keeping", "-c", os.devnull, "."]
    environment = {**os.environ, "DYNONNX_DUMPS": str(tmp_path / "dumps"), "PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    (dump,) = find(tmp_path / "dumps")
    assert dump.name.startswith("Pipeline.test_a_pipeline.")
    model, _, rows, expected = dump.read()
    assert rows == [[0], [1], [2], [5]]
    assert expected is None
    assert len(model.predict(rows)) == 4
