"""Where MLflow keeps a model: its folder, its registry, and what is refused of both."""

from __future__ import annotations

import os
import pickle
import subprocess
import sysconfig
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from convert.__main__ import main
from convert.cli import mlflow_models
from convert.cli.mlflow_models import fetched, name_and_version
from convert.cli.options import ConvertCommand, parse
from convert.errors import Refused
from server.artefact.metadata import from_metadata
from server.artefact.runtime import Runtime
from tests.conftest import ROOT

MLMODEL = """\
artifact_path: model
flavors:
  python_function:
    env:
      conda: conda.yaml
    loader_module: mlflow.sklearn
    model_path: model.pkl
  sklearn:
    code: null
    pickled_model: {file}
    serialization_format: pickle
    sklearn_version: 1.9.1
run_id: {run}
"""
FAKE = """\
#!/bin/sh
[ "$3" = --artifact-uri=models:/iris/1 ] || {{ echo "no such model" >&2; exit 1; }}
/bin/cp -r {folder} "${{4#--dst-path=}}"
"""
REGISTER = """\
import sys
sys.path.append(sys.argv[1])  # scikit-learn
import mlflow, sklearn.datasets, sklearn.linear_model
from mlflow.tracking import MlflowClient
data = sklearn.datasets.load_iris(return_X_y=True)
with mlflow.start_run() as run:
    model = sklearn.linear_model.LogisticRegression(max_iter=500).fit(*data)
    for format in sys.argv[2:]:
        mlflow.sklearn.log_model(model, name=format, registered_model_name="iris", serialization_format=format)
MlflowClient().set_registered_model_alias("iris", "best", "1")
print(run.info.run_id)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model as mlflow.sklearn saves one."""
    place = tmp_path / "flowers"
    place.mkdir()
    model = LogisticRegression(max_iter=500).fit(*load_iris(return_X_y=True))
    (place / "model.pkl").write_bytes(pickle.dumps(model))
    (place / "MLmodel").write_text(MLMODEL.format(file="model.pkl", run="0a1b2c"))
    return place


def test_a_folder_of_mlflow_is_converted_without_mlflow(folder: Path, tmp_path: Path) -> None:
    assert main(["--mlflow", str(folder), "--out", str(tmp_path / "models")]) == 0
    artefact = from_metadata(Runtime(tmp_path / "models" / "flowers" / "1" / "model.onnx").metadata)
    assert artefact is not None
    assert artefact.origin == "MLflow run 0a1b2c"


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("models:/churn/3", ("churn", "3")),
        ("models:/churn@best", ("churn", None)),
        ("models:/churn/Production", ("churn", None)),
        ("models:/m-0a1b", ("m-0a1b", None)),
        ("runs:/0a1b/forest", ("forest", None)),
        ("s3://bucket/7/artifacts/forest/", ("forest", None)),
        ("here/flowers", ("flowers", None)),
    ],
)
def test_an_address_names_the_model(address: str, name: tuple[str, str | None]) -> None:
    assert name_and_version(address) == name


def test_the_registered_version_is_the_version_unless_another_is_given() -> None:
    command = parse(["--mlflow", "models:/churn/3"])
    assert isinstance(command, ConvertCommand)
    assert (command.job.name, command.version, command.mlflow) == ("churn", "3", "models:/churn/3")
    command = parse(["--mlflow", "models:/churn/3", "--name", "leaving", "--version", "7"])
    assert isinstance(command, ConvertCommand)
    assert (command.job.name, command.version) == ("leaving", "7")
    for words in ([], ["m.pkl", "--mlflow", "models:/churn/3"]):
        with pytest.raises(SystemExit, match="2"):
            parse(words)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("flavors:\n  python_function:\n    a: b\n  xgboost:\n    c: d\n", "it has python_function, xgboost"),
        ("", "it has none"),
        (MLMODEL.format(file="../model.pkl", run="null"), "no file beside it"),
        (MLMODEL.format(file="/etc/passwd", run="null"), "no file beside it"),
        (MLMODEL.format(file="link.pkl", run="null"), "no file beside it"),
        (MLMODEL.format(file="gone.pkl", run="null"), "no file beside it"),
    ],
    ids=["others", "nothing", "above", "absolute", "link", "gone"],
)
def test_what_is_no_model_of_scikit_learn_is_refused(folder: Path, text: str, said: str) -> None:
    (folder.parent / "model.pkl").write_bytes(b"")
    (folder / "link.pkl").symlink_to("/etc/passwd")
    (folder / "MLmodel").write_text(text)
    with pytest.raises(Refused, match=said), fetched(str(folder)):
        pass


def test_long_runs_of_blanks_are_read_at_once(folder: Path) -> None:
    """Patterns took the square of their length: hours for the megabyte that is read."""
    blank = " " * (1 << 19)
    text = MLMODEL.format(file="model.pkl", run=f"0a{blank}1b")
    (folder / "MLmodel").write_text(text.replace("flavors:", f"flavors:{blank}") + "\n" * 1000)
    with fetched(str(folder)) as found:
        assert found.file == (folder / "model.pkl").resolve()
        assert found.origin.startswith("MLflow run 0a")


def test_code_that_a_link_leads_to_is_not_the_models(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (folder / "code").symlink_to(tmp_path / "elsewhere")
    with fetched(str(folder)) as found:
        assert found.code is None
    (folder / "code").unlink()
    (folder / "code").mkdir()
    with fetched(str(folder)) as found:
        assert found.code == (folder / "code").resolve()


def test_mlflow_brings_what_only_it_can_find(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    # of this module alone: the child that opens the pickle needs the true one
    monkeypatch.setattr(mlflow_models, "sys", SimpleNamespace(executable=str(tmp_path / "python")))
    with pytest.raises(Refused, match=r"its command is not here\n.*make mlflow"), fetched("models:/iris/1"):
        pass
    command = tmp_path / "mlflow"
    command.write_text(FAKE.format(folder=folder))
    command.chmod(0o755)
    with fetched("models:/iris/1") as found:
        assert found.file.read_bytes() == (folder / "model.pkl").read_bytes()
        assert found.origin == "MLflow models:/iris/1, run 0a1b2c"
    assert not found.file.exists()
    assert main(["--mlflow", "models:/iris/2", "--out", str(tmp_path / "models")]) == 1
    assert "MLflow does not bring models:/iris/2: no such model" in capsys.readouterr().err
    assert not (tmp_path / "models").exists()


@pytest.mark.slow
@pytest.mark.timeout(900)  # each of MLflow's commands takes seconds to start
def test_a_real_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beside = ROOT / "build" / "mlflow" / "bin"
    if not (beside / "mlflow").is_file():
        pytest.skip("MLflow is not installed: run `make mlflow`")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/registry.db")
    monkeypatch.setenv("PATH", f"{beside}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    formats = ["cloudpickle", *(["skops"] if find_spec("skops") else [])]  # what MLflow 3 writes by itself
    command = [str(beside / "python"), "-W", "ignore", "-c", REGISTER, sysconfig.get_path("purelib"), *formats]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout.split()[-1]
    registered = [f"models:/iris/{number}" for number, _ in enumerate(formats, 1)]
    for address in (*registered, "models:/iris@best", f"runs:/{run}/cloudpickle"):
        out = tmp_path / f"{len(address)}.onnx"
        assert main(["--mlflow", address, "--out", str(out), "--replace"]) == 0, address
        artefact = from_metadata(Runtime(out).metadata)
        assert artefact is not None
        assert artefact.origin == f"MLflow {address}, run {run}"
    assert main(["--mlflow", "models:/iris/9", "--out", str(tmp_path / "none.onnx")]) == 1
