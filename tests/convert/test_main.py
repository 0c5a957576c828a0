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
from onnx import ModelProto, TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from convert.__main__ import main
from convert.graph.graph import OPSETS
from server.artefact.metadata import from_metadata
from server.artefact.runtime import Runtime
from server.confinement.syscalls import this_machine

pytestmark = pytest.mark.usefixtures("forked")

ROOT = Path(__file__).parents[2]


def test_iris_becomes_a_file_that_answers_as_scikit_learn(
    iris_file: Path, trained: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "iris.html"
    assert main([str(iris_file), "--out", str(tmp_path / "models"), "--report", str(page)]) == 0
    assert "equal: 10,000 rows" in page.read_text()
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
    assert "MB while it is opened; fits a basic dyno" in out
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
    said = capsys.readouterr().out
    assert "equal: 10,000 rows" in said
    assert "so the file says of itself" not in said
    assert main(["inspect", str(onnx)]) == 0
    said = capsys.readouterr().out
    assert "'versicolor'" in said
    assert said.endswith(
        "so the file says of itself; python -m convert verify MODEL FILE.onnx asks the original again\n"
    )


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
        (b"no model", "holds text, not a model"),
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


def old_kernel(*words: str) -> subprocess.CompletedProcess[str]:
    """The command on a kernel without seccomp and Landlock."""
    command = [sys.executable, "-m", "tests.support.convert.old_kernel", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.fault(59)
@pytest.mark.skipif(this_machine() is None, reason="the kernel that is simulated is Linux")
def test_where_a_pickle_cannot_be_confined_it_is_not_opened(iris_file: Path, tmp_path: Path) -> None:
    refused = old_kernel(str(iris_file), "--out", str(tmp_path / "m.onnx"))
    assert refused.returncode == 1
    assert "the filter of system calls (seccomp) could not be set up: Function not implemented" in refused.stderr
    assert "--unconfined" in refused.stderr
    assert not (tmp_path / "m.onnx").exists()
    allowed = old_kernel(str(iris_file), "--out", str(tmp_path / "m.onnx"), "--unconfined")
    assert allowed.returncode == 0, allowed.stderr
    assert old_kernel("inspect", str(tmp_path / "m.onnx")).returncode == 0


def bomb(path: Path, numbers: int = 160_000_000) -> Path:
    """Some 150 bytes that ONNX Runtime would turn into 1.28 GB when it opens them."""
    shape = numpy_helper.from_array(np.array([numbers], np.int64), "shape")
    value = numpy_helper.from_array(np.array([1], np.int64), "value")
    node = helper.make_node("ConstantOfShape", ["shape"], ["y"], value=value)
    output = helper.make_tensor_value_info("y", TensorProto.INT64, [None])
    graph = helper.make_graph([node], "g", [], [output], [shape])
    path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]).SerializeToString())
    return path


@pytest.mark.fault(50)
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the address space")
def test_inspect_is_bounded(tmp_path: Path) -> None:
    code = (
        "import re, resource, sys; from convert.__main__ import main; main(sys.argv[1:]);"
        "own = re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1];"  # rusage's own has pytest's in it
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, own)"
    )
    command = [sys.executable, "-c", code, "inspect", str(bomb(tmp_path / "bomb.onnx"))]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    child, parent = (int(kilobytes) >> 10 for kilobytes in run.stdout.split()[-2:])
    assert child < 1000
    assert parent < 300


def test_inspect_scans_before_it_opens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = bomb(tmp_path / "outside.onnx", 2)
    model = ModelProto.FromString(file.read_bytes())
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL
    file.write_bytes(model.SerializeToString())
    assert main(["inspect", str(file)]) == 1
    assert "keeps data in other files" in capsys.readouterr().err


def test_no_escape_sequence_of_a_file_reaches_the_terminal(
    iris_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "iris.onnx"
    assert main([str(iris_file), "--out", str(out)]) == 0
    model = ModelProto.FromString(out.read_bytes())
    forged = "\x1b[2J\x9b1m\u202e\nequal: 99 rows"
    model.doc_string = forged
    for entry in model.metadata_props:
        name = json.dumps(forged)[1:-1]
        entry.value = entry.value.replace("sepal length (cm)", name).replace("setosa", name).replace("usual", name)
    out.write_bytes(model.SerializeToString())
    capsys.readouterr()
    for words in ([], ["--json"]):
        assert main(["inspect", str(out), *words]) == 0
        said = capsys.readouterr().out
        assert all(character.isprintable() or character == "\n" for character in said)
        assert "\nequal: 99 rows" not in said
    assert json.loads(said)["drawing"] == forged


@pytest.mark.slow
@pytest.mark.parametrize("name", ["iris", "breast-cancer", "diabetes", "churn", "XGB", "LGBM", "CatBoost"])
def test_every_kind_of_model_converts_behind_the_walls(name: str, trained: dict[str, Any], tmp_path: Path) -> None:
    if name in trained:
        model = trained[name]
    else:
        module = pytest.importorskip({"XGB": "xgboost", "LGBM": "lightgbm", "CatBoost": "catboost"}[name])
        quiet = {"allow_writing_files": False, "verbose": 0} if name == "CatBoost" else {"n_jobs": 4}
        model = getattr(module, f"{name}Classifier")(n_estimators=10, **quiet).fit(*load_iris(return_X_y=True))
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(model))
    assert main([str(tmp_path / "m.pkl"), "--out", str(tmp_path / "m.onnx")]) == 0


def test_a_model_that_minds_its_threads_converts_behind_the_walls(tmp_path: Path) -> None:
    """scikit-learn asks threadpoolctl, which would read the map of the process's memory."""
    model = KMeans(3, n_init=2, random_state=0).fit(load_iris().data)
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(model))
    assert main([str(tmp_path / "m.pkl"), "--out", str(tmp_path / "m.onnx"), "--allow-ties"]) == 0
    words = ["--method", "transform", "--out", str(tmp_path / "t.onnx")]
    assert main([str(tmp_path / "m.pkl"), *words]) == 0
    artefact = from_metadata(Runtime(tmp_path / "t.onnx").metadata)
    assert artefact is not None
    assert artefact.kind == "transformer"
    assert main(["verify", str(tmp_path / "m.pkl"), str(tmp_path / "t.onnx")]) == 0


def test_exit_statuses_of_the_program(tmp_path: Path) -> None:
    run = [sys.executable, "-m", "convert"]
    assert subprocess.run([*run, "--help"], cwd=ROOT, capture_output=True).returncode == 0
    assert subprocess.run([*run, "x", "--nope"], cwd=ROOT, capture_output=True).returncode == 2
    assert subprocess.run([*run, str(tmp_path / "none.pkl")], cwd=ROOT, capture_output=True).returncode == 1


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
    assert main([str(iris_file), "--trust-code", "--path", "/dev/zero", "--json"]) == 1
    assert "/dev/zero is no folder" in json.loads(capsys.readouterr().out)["refused"]["reason"]


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
    from tests.support.models.keys import key_pair

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


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ZeroDivisionError("x"), "something broke that nobody expected: ZeroDivisionError: x"),
        (OSError(28, "No space left on device"), "the system does not allow it: [Errno 28] No space left on device"),
        (RecursionError(), "it nests deeper than can be followed"),
    ],
)
def test_a_traceback_is_never_an_answer(
    error: Exception, said: str, iris_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(*_: object) -> None:
        raise error

    monkeypatch.setattr("convert.cli.commands.convert", work)
    for words in ([], ["--debug"], ["--json"], ["--json", "--debug"]):
        assert main([str(iris_file), *words]) == 1
        printed = capsys.readouterr()
        assert f"refused: {said}\n  what helps: " in printed.err
        assert ("Traceback" in printed.err) is ("--debug" in words)
        if "--json" in words:
            assert ("traceback" in json.loads(printed.out)["refused"]) is ("--debug" in words)
    assert main([str(iris_file.parent), "--out", str(iris_file.parent)]) == 1


def test_ctrl_c_is_no_traceback(
    iris_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("convert.cli.commands.convert", work)
    assert main([str(iris_file)]) == 130
    assert capsys.readouterr().err == "ended, nothing was written\n"


def test_what_breaks_in_the_child_is_told_with_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In an estimator the path of it."""
    iris = load_iris()
    model = LogisticRegression(max_iter=1000).fit(iris.data, iris.target)
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(make_pipeline(StandardScaler(), model).fit(iris.data, iris.target)))
    taught = "from sklearn.linear_model import LogisticRegression\nfrom convert.extend import predicts\n"
    taught += "@predicts(LogisticRegression)\ndef broken(e, model, x):\n    return model.nothing_of_the_kind\n"
    (tmp_path / "taught.py").write_text(taught)
    assert main([str(tmp_path / "m.pkl"), "--converters", str(tmp_path / "taught.py"), "--debug"]) == 1
    said = capsys.readouterr().err
    assert "refused: Pipeline > logisticregression=Logis" in said
    assert "Traceback" in said
    assert "something broke that nobody expected: " in said
    assert "report it with the model" in said
    assert not (tmp_path / "models").exists()
