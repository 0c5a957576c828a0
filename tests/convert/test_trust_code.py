"""Code of a person's own from the command line: refused with the command that helps, and that command followed."""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from typing import Any

import cloudpickle  # type: ignore[import-untyped,unused-ignore]  # joblib brings it
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from convert.__main__ import main
from convert.errors import Refused
from convert.job import Converted, convert
from convert.opening.opener import OpenPolicy
from convert.opening.own_code import OwnCode
from tests.campaigns.coverage.traced import traced
from tests.support.convert import notebooks

pytestmark = pytest.mark.usefixtures("forked")

QUICK = ("ratio", "title >", "apply_age", "FamilySize > MedianFiller", "within a Column", "a classifier", "a function")


def converted(model: Any, rows: int = 300) -> Converted:
    """A model with code of its own, through its pickle, with fewer proof rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("convert.proof.questions.ROWS", rows)
        return convert(cloudpickle.dumps(model), "m", None, OpenPolicy(code=OwnCode(())), lambda *_: None)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", [c for c in traced() if c.name.startswith(QUICK)], ids=lambda case: case.name)
def test_models_with_own_code_are_proven(case: Any) -> None:
    proof = converted(case.make()).proof
    assert (proof.wrong, proof.bad) == (0, ())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", list(traced()), ids=lambda case: case.name)
def test_every_model_with_own_code_is_proven(case: Any) -> None:
    assert converted(case.make(), 10_000).proof.wrong == 0


@pytest.fixture
def titanic(tmp_path: Path) -> Path:
    """A model as a notebook writes it: its class stands in no module."""
    table, y = notebooks.passengers(200)
    numbers = ["sibsp", "parch", "fare"]
    model = make_pipeline(notebooks.FamilySize(), FunctionTransformer(np.log1p), LogisticRegression())
    path = tmp_path / "titanic.pkl"
    path.write_bytes(cloudpickle.dumps(model.fit(table[numbers], y)))
    return path


def test_the_command_of_the_refusal_converts(titanic: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = titanic.with_name("m.onnx")
    assert main([str(titanic), "--out", str(out)]) == 1
    refused = capsys.readouterr().err
    assert "carries the code of a function or class itself" in refused
    assert f"python -m convert {titanic} --trust-code" in refused
    assert main([str(titanic), "--out", str(out), "--trust-code", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [feature["name"] for feature in told["features"]] == ["sibsp", "parch", "fare"]
    assert out.exists()


def test_names_of_main_are_found_by_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "train.py"
    script.write_text("import numpy as np\n\n\ndef ratio(X):\n    return np.c_[X, X[:, 0] / (X[:, 1] ** 2 + 1)]\n")
    pickled = tmp_path / "away" / "model.pkl"
    pickled.parent.mkdir()
    x = np.random.default_rng(0).normal(size=(100, 2)).round(2)
    model = make_pipeline(FunctionTransformer(notebooks.ratio), LogisticRegression()).fit(x, x[:, 0] > 0)
    by_name = cloudpickle.dumps(LogisticRegression())  # so that the rest is plain pickle
    assert b"cloudpickle" not in by_name
    pickled.write_bytes(_as_of_main(model))
    out = ["--out", str(tmp_path / "m.onnx")]
    assert main([str(pickled), *out, "--trust-code"]) == 1
    assert "--path NOTEBOOK.ipynb or --path SCRIPT.py" in capsys.readouterr().err
    assert main([str(pickled), *out, "--trust-code", "--path", str(script)]) == 0


def _as_of_main(model: Any) -> bytes:
    """A pickle that names ``__main__.ratio``, as one that a script wrote."""
    main_module = sys.modules["__main__"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(main_module, "ratio", notebooks.ratio, raising=False)
        patch.setattr(notebooks.ratio, "__module__", "__main__")
        return pickle.dumps(model)


@pytest.mark.parametrize("together", [True, False])
def test_a_step_that_writes_into_what_others_see_is_refused(together: bool) -> None:
    def cut(x: Any) -> Any:
        x[x[:, 0] * x[:, 1] > 1e30, 1] = -5.0
        return x

    x = np.random.default_rng(0).normal(size=(100, 2)).round(2)
    step = make_union(FunctionTransformer(cut), StandardScaler()) if together else FunctionTransformer(cut)
    model = make_pipeline(step, LogisticRegression()).fit(x.copy(), x[:, 0] > 0)
    if together:
        with pytest.raises(Refused, match="which steps beside it see, too"):
            converted(model)
    else:
        assert converted(model).proof.wrong == 0


def test_what_the_recording_does_not_see_is_found_by_the_proof() -> None:
    def hidden(x: Any) -> Any:
        return x * (1.5 if type(x) is np.ndarray else 1.0)

    x = np.random.default_rng(0).normal(size=(100, 2)).round(2)
    model = make_pipeline(FunctionTransformer(hidden), LogisticRegression()).fit(x, x[:, 0] > 0)
    assert converted(model).proof.wrong > 0


def test_a_first_step_that_tells_no_columns_asks_for_rows() -> None:
    whole = FunctionTransformer(lambda frame: frame.to_numpy()[:, :1] * 2)
    table = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [0.0, 1.0, 0.0, 1.0]})

    class Anything:
        def transform(self, frame: Any) -> Any:
            return whole.func(frame)

    with pytest.raises(Refused, match="does not tell which columns"):
        converted(Anything())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("convert.proof.questions.ROWS", 300)
        policy = OpenPolicy(code=OwnCode(()))
        done = convert(cloudpickle.dumps(Anything()), "m", table, policy, lambda *_: None)
    assert [feature.name for feature in done.artefact.features] == ["a"]
    assert done.artefact.ignored == ("b",)
