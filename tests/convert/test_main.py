"""The whole way, as a person types it."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from onnx import ModelProto
from skl2onnx import to_onnx
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from convert.__main__ import main
from convert.graph.graph import OPSETS
from server.artefact.metadata import from_metadata
from server.artefact.runtime import Runtime


def test_iris_becomes_a_file_that_answers_as_scikit_learn(
    iris_file: Path, trained: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(iris_file), "--out", str(tmp_path / "models")]) == 0
    runtime = Runtime(tmp_path / "models/iris/1/model.onnx")
    label, probabilities = runtime.run(["label", "probabilities"], {"X": load_iris().data})
    data = load_iris(as_frame=True).data
    assert label.tolist() == trained["iris"].predict(data).tolist()
    np.testing.assert_allclose(probabilities, trained["iris"].predict_proba(data), rtol=1e-12, atol=1e-15)
    artefact = from_metadata(runtime.metadata)
    assert artefact is not None
    assert artefact.classes == ("setosa", "versicolor", "virginica")
    assert [feature.name for feature in artefact.features] == list(data.columns)
    assert len(artefact.golden.rows) == 16
    assert artefact.parity["rows"] >= 10_000
    assert artefact.parity["wrong"] == 0
    out = capsys.readouterr().out
    assert "equal: 10,000 rows" in out
    assert "petal width (cm)" in out


def test_a_second_conversion_is_the_next_version(iris_file: Path, tmp_path: Path) -> None:
    out = ["--out", str(tmp_path / "models")]
    assert [main([str(iris_file), *out]), main([str(iris_file), *out])] == [0, 0]
    assert sorted(path.name for path in (tmp_path / "models/iris").iterdir()) == ["1", "2"]
    assert main([str(iris_file), *out, "--version", "2"]) == 1
    assert main([str(iris_file), *out, "--version", "2", "--replace"]) == 0


def test_own_rows_are_checked_and_never_stored(iris_file: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    table = load_iris(as_frame=True).data.assign(comment="left out")
    table.iloc[0, 0] = 5.123456789
    table.to_csv(rows, index=False)
    assert main([str(iris_file), "--data", str(rows), "--out", str(tmp_path / "iris.onnx")]) == 0
    artefact = from_metadata(Runtime(tmp_path / "iris.onnx").metadata)
    assert artefact is not None
    assert artefact.parity["rows"] == 10_150
    assert b"5.123456789" not in (tmp_path / "iris.onnx").read_bytes()


def test_a_model_without_names_takes_those_of_the_rows(tmp_path: Path) -> None:
    iris = load_iris()
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(LogisticRegression(max_iter=1000).fit(iris.data, iris.target)))
    load_iris(as_frame=True).data.to_csv(tmp_path / "rows.csv", index=False)
    np.savetxt(tmp_path / "bare.csv", iris.data, delimiter=",")
    names = {}
    for rows in ("rows.csv", "bare.csv"):
        onnx = tmp_path / f"{rows}.onnx"
        assert main([str(tmp_path / "m.pkl"), "--data", str(tmp_path / rows), "--out", str(onnx)]) == 0
        artefact = from_metadata(Runtime(onnx).metadata)
        assert artefact is not None
        names[rows] = [feature.name for feature in artefact.features]
    assert names == {"rows.csv": iris.feature_names, "bare.csv": ["x0", "x1", "x2", "x3"]}
    assert main(["verify", str(tmp_path / "m.pkl"), str(tmp_path / "rows.csv.onnx")]) == 0


def test_verify_and_inspect(iris_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    onnx = tmp_path / "iris.onnx"
    assert main([str(iris_file), "--out", str(onnx)]) == 0
    assert main(["verify", str(iris_file), str(onnx)]) == 0
    assert "equal: 10,000 rows" in capsys.readouterr().out
    assert main(["inspect", str(onnx)]) == 0
    assert "'versicolor'" in capsys.readouterr().out


def test_verify_finds_a_file_that_was_changed(
    iris_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    onnx = tmp_path / "iris.onnx"
    assert main([str(iris_file), "--out", str(onnx)]) == 0
    model = ModelProto.FromString(onnx.read_bytes())
    weights = next(initializer for initializer in model.graph.initializer if list(initializer.dims) == [4, 3])
    weights.raw_data = (np.frombuffer(weights.raw_data) * 1.001).tobytes()
    onnx.write_bytes(model.SerializeToString())
    assert main(["verify", str(iris_file), str(onnx)]) == 1
    out = capsys.readouterr().out
    assert "NOT EQUAL" in out
    assert "worst rows" in out


def test_a_joblib_file_of_mixed_columns(trained: dict[str, Any], tmp_path: Path) -> None:
    joblib.dump(trained["churn"], tmp_path / "churn.joblib", compress=3)
    assert main([str(tmp_path / "churn.joblib"), "--out", str(tmp_path)]) == 0
    artefact = from_metadata(Runtime(tmp_path / "churn/1/model.onnx").metadata)
    assert artefact is not None
    assert artefact.classes == (False, True)
    assert json.dumps(artefact.golden.rows).isascii() is True
    assert any(None in row for row in artefact.golden.rows)


@pytest.mark.fault(59)
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no model", "does not open"),
        (pickle.dumps({"weights": [1.0]}), "not a scikit-learn estimator"),
        (pickle.dumps(subprocess.run), "--trust subprocess.run"),
    ],
)
def test_what_is_refused_leaves_nothing(
    content: bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.pkl").write_bytes(content)
    assert main([str(tmp_path / "m.pkl"), "--out", str(tmp_path / "models")]) == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "models").exists()


def test_exit_statuses_of_the_program(tmp_path: Path) -> None:
    run = [sys.executable, "-m", "convert"]
    root = Path(__file__).parents[2]
    assert subprocess.run([*run, "--help"], cwd=root, capture_output=True).returncode == 0
    assert subprocess.run([*run, "x", "--nope"], cwd=root, capture_output=True).returncode == 2
    assert subprocess.run([*run, str(tmp_path / "none.pkl")], cwd=root, capture_output=True).returncode == 1


def test_a_program_reads_json(iris_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(iris_file), "--out", str(tmp_path / "a.onnx"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["written"] == str(tmp_path / "a.onnx")
    assert report["parity"]["wrong"] == 0
    assert report["classes"] == ["setosa", "versicolor", "virginica"]
    assert set(report["speed"]) == {"1", "1000"}
    assert main(["inspect", str(tmp_path / "a.onnx"), "--json"]) == 0
    assert "StandardScaler" in json.loads(capsys.readouterr().out)["drawing"]
    assert main([str(tmp_path / "none.pkl"), "--json"]) == 1
    assert "not a file" in json.loads(capsys.readouterr().out)["refused"]["reason"]


def test_a_folder_of_models(trained: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "build"
    folder.mkdir()
    (folder / "diabetes.pkl").write_bytes(pickle.dumps(trained["diabetes"]))
    (folder / "iris.pickle").write_bytes(pickle.dumps({"model": trained["iris"], "notes": "mine"}))
    assert main([str(folder), "--out", str(tmp_path / "models")]) == 1
    said = capsys.readouterr().err
    assert "name the model's with --key" in said
    assert "1 of 2 models written, 1 not: iris.pickle" in said
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == ["diabetes"]
    assert main([str(folder / "iris.pickle"), "--key", "model", "--out", str(tmp_path / "models")]) == 0
    assert main([str(tmp_path / "models")]) == 2


def test_verify_takes_any_onnx_file(
    trained: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = trained["diabetes"]
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(model))
    strange = to_onnx(model, np.zeros((1, 10)), target_opset=OPSETS)
    (tmp_path / "m.onnx").write_bytes(strange.SerializeToString())
    assert main(["verify", str(tmp_path / "m.pkl"), str(tmp_path / "m.onnx")]) == 0
    assert "equal: 10,000 rows" in capsys.readouterr().out
    assert main(["inspect", str(tmp_path / "m.onnx")]) == 0
    assert "dynonnx did not make" in capsys.readouterr().out


def test_a_file_is_signed_for_the_name_and_version_of_its_path(tmp_path: Path) -> None:
    pytest.importorskip("nacl", reason="PyNaCl is not installed")
    from server.artefact.signing import Verifier
    from tests.support.server.keys import key_pair

    private, public = key_pair()
    key, model = tmp_path / "key.pem", tmp_path / "iris" / "3" / "model.onnx"
    key.write_text(private)
    model.parent.mkdir(parents=True)
    model.write_bytes(b"any")
    assert main(["sign", str(model), "--key", str(key)]) == 0
    Verifier(public).check("iris", "3", b"any", model.with_name("model.onnx.sig").read_bytes())
    assert main(["sign", str(model), "--key", str(key), "--name", "rose", "--version", "4"]) == 0
    Verifier(public).check("rose", "4", b"any", model.with_name("model.onnx.sig").read_bytes())
    key.write_text("no key")
    assert main(["sign", str(model), "--key", str(key)]) == 1
