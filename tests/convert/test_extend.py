"""A person's own transformer class, taught by a file of converters."""

from __future__ import annotations

import importlib
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from convert.__main__ import main

pytestmark = pytest.mark.usefixtures("forked")

MINE = """
from sklearn.base import BaseEstimator, TransformerMixin
import numpy as np

class Cut(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.low_, self.high_ = np.quantile(X, [0.1, 0.9])
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return np.clip(X, self.low_, self.high_)
"""
TAUGHT = """
from convert.extend import Columns, Exporter, columns, transforms
from mine import Cut

@transforms(Cut)
def cut(e, model, x):
    low, high = e.graph.constant(model.low_), e.graph.constant(model.high_{wrong})
    return columns(e.graph.op("Clip", x.numbers(), low, high), x.width)
"""


@pytest.fixture
def pickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pipeline with a class that only the folder's own module knows."""
    (tmp_path / "mine.py").write_text(MINE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    cut = importlib.import_module("mine").Cut()
    x = np.random.default_rng(0).normal(size=(100, 3))
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(make_pipeline(cut, LogisticRegression()).fit(x, x[:, 0] > 0)))
    return path


def test_a_class_that_is_taught_converts(pickled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    taught = pickled.with_name("taught.py")
    taught.write_text(TAUGHT.format(wrong=""))
    out = str(pickled.with_name("m.onnx"))
    assert main([str(pickled), "--out", out]) == 1
    assert "mine.Cut" in capsys.readouterr().err
    assert main([str(pickled), "--out", out, "--converters", str(taught)]) == 0


@pytest.mark.fault(60)
def test_a_wrong_lesson_is_found_by_the_proof(pickled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    taught = pickled.with_name("taught.py")
    taught.write_text(TAUGHT.format(wrong=" * 1.01"))
    assert main([str(pickled), "--out", str(pickled.with_name("m.onnx")), "--converters", str(taught)]) == 1
    assert "NOT EQUAL" in capsys.readouterr().out
    assert not pickled.with_name("m.onnx").exists()
