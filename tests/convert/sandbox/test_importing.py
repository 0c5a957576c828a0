"""What the process that children are forked from need not import."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer

from convert.sandbox import parent
from convert.sandbox.job_messages import Job

IMPORTS = """
import importlib, json, sys
for module in sys.argv[1:]:
    importlib.import_module(module)
before = "scipy.stats" in sys.modules
from sklearn import isotonic
from sklearn.covariance import _robust_covariance
answers = [float(isotonic.spearmanr([1, 2, 3, 4], [1, 3, 2, 4])[0]), float(_robust_covariance.chi2(3).isf(0.5))]
print(json.dumps([before, "scipy.stats" in sys.modules, *answers]))
"""


def test_scipy_stats_is_imported_when_something_calls_it() -> None:
    command = [sys.executable, "-c", IMPORTS, *parent.IMPORTS[parent.OPENS_PICKLES]]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    rank = float(stats.spearmanr([1, 2, 3, 4], [1, 3, 2, 4])[0])
    assert json.loads(run.stdout) == [False, True, rank, float(stats.chi2(3).isf(0.5))]


@pytest.mark.slow
def test_a_model_that_calls_it_is_converted_behind_walls(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(60, 2))
    quantiles = QuantileTransformer(n_quantiles=20, output_distribution="normal")
    model = make_pipeline(quantiles, LinearRegression()).fit(rows, rows[:, 0])
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(model))
    result = parent.run(Job(path, "model"), lambda *_: None)
    assert result.onnx
