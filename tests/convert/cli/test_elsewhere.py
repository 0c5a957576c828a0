"""A model of another scikit-learn: who answers for it, and what is said where nobody can."""

from __future__ import annotations

import pickle
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.tree import DecisionTreeClassifier

from convert.cli import commands, elsewhere
from convert.cli.elsewhere import Environments
from convert.cli.options import ConvertCommand
from convert.environments.making import CannotMake
from convert.errors import OtherVersion, Refused
from convert.sandbox import parent
from convert.sandbox.job_messages import Job
from convert.sandbox.parent import Elsewhere

pytestmark = pytest.mark.usefixtures("forked")

OLD = "1.8.0"
MODEL = DecisionTreeClassifier(max_depth=2, random_state=0).fit(np.eye(6), list("ababcc"))


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    """A pickle that says it is of an earlier version."""
    assert len(OLD) == len(sklearn.__version__)
    path = tmp_path / "m.pkl"
    path.write_bytes(pickle.dumps(MODEL).replace(sklearn.__version__.encode(), OLD.encode()))
    return path


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Path:
    """This interpreter, which says that it has the earlier version."""
    versions = {"Python": "3", "scikit-learn": OLD}
    monkeypatch.setattr(elsewhere, "versions_in", lambda _: versions)
    return Path(sys.executable)


def test_another_process_answers_and_the_file_says_so(
    old_file: Path, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ConvertCommand(Job(old_file, "m"), None, tmp_path / "models", False, python=here)
    result, told = elsewhere.run(command.job, Environments(tmp_path / "kept", here), lambda *_: None)
    monkeypatch.setattr(elsewhere, "run", lambda *_: (result, told))
    report = commands.convert(command, lambda *_: None, tmp_path)
    assert f"proven   against the answers of Python 3, scikit-learn {OLD}" in report.text
    assert report.data["producer"]["original"] == told == f"Python 3, scikit-learn {OLD}"
    assert not (tmp_path / "kept").exists()
    # a child that names another witness is not believed
    monkeypatch.setattr(elsewhere, "run", lambda *_: (result, f"{told}0"))
    with pytest.raises(Refused, match="something else answered"):
        commands.convert(replace(command, replace=True), lambda *_: None, tmp_path)


def test_a_witness_that_dies_is_told(old_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parent, "ANSWERS", "no.such.module")
    with pytest.raises(Refused, match=rf"the process with scikit-learn {OLD} died"):
        parent.run(Job(old_file, "m"), lambda *_: None, Elsewhere(Path(sys.executable), OLD, "x"))


def test_no_environment_is_the_refusal_with_the_command_that_helps(
    old_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot(*_: Any) -> Path:
        raise CannotMake("uv is missing", "pip install uv")

    monkeypatch.setattr(elsewhere, "environment_with", cannot)
    monkeypatch.setattr(parent, "run", _needs_another)
    with pytest.raises(Refused, match=rf"pickled with scikit-learn {OLD}") as refusal:
        elsewhere.run(Job(old_file, "m"), Environments(tmp_path), lambda *_: None)
    assert refusal.value.remedy.startswith("pip install uv (uv is missing). With an environment of your own: ")
    assert "--allow-version-mismatch" in refusal.value.remedy


def _needs_another(*_: Any) -> None:
    raise OtherVersion(f"the model was pickled with scikit-learn {OLD}", "--allow-version-mismatch", OLD)


def test_an_environment_with_another_version_is_refused(
    old_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parent, "run", _needs_another)
    with pytest.raises(Refused, match=rf"scikit-learn {OLD}, and .* has {sklearn.__version__}"):
        elsewhere.run(Job(old_file, "m"), Environments(tmp_path, Path(sys.executable)), lambda *_: None)


def test_a_booster_of_an_earlier_release_goes_by_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def cannot(*words: Any) -> Path:
        asked.append((words[0], words[3]))
        raise CannotMake("uv is missing", "pip install uv")

    other = OtherVersion("the model was pickled with XGBoost 1.7.6", "fit it again", "", {"xgboost": "1.7.6"})
    monkeypatch.setattr(elsewhere, "environment_with", cannot)
    monkeypatch.setattr(parent, "run", _raising(other))
    with pytest.raises(Refused, match=r"XGBoost 1\.7\.6") as refusal:
        elsewhere.run(Job(tmp_path / "m.pkl", "m"), Environments(tmp_path), lambda *_: None)
    assert asked == [("1.2.2", {"xgboost": "1.7.6"})]
    assert refusal.value.remedy.startswith("pip install uv (uv is missing).")


def test_a_booster_that_no_environment_is_known_for_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = OtherVersion("the model was pickled with XGBoost 1.2.0", "fit it again", "", {"xgboost": "1.2.0"})
    monkeypatch.setattr(parent, "run", _raising(other))
    with pytest.raises(Refused, match=r"XGBoost 1\.2\.0") as refusal:
        elsewhere.run(Job(tmp_path / "m.pkl", "m"), Environments(tmp_path), lambda *_: None)
    assert refusal.value.remedy.startswith("make one with xgboost 1.2.0, scikit-learn and pandas (no environment with")


@pytest.mark.parametrize(
    ("has", "reason", "command"),
    [
        ({}, r"needs xgboost 1\.7\.6, and .* has none", "xgboost==1.7.6"),
        ({"xgboost": "2.0.3"}, r"needs xgboost 1\.7\.6, and .* has 2\.0\.3", "xgboost==1.7.6"),
        ({"xgboost-cpu": "1.7.5"}, "the model was pickled with", ""),
    ],
)
def test_an_environment_without_the_booster_that_wrote_the_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has: dict[str, str], reason: str, command: str
) -> None:
    other = OtherVersion("the model was pickled with scikit-learn 1.2.2", "", "1.2.2", {"xgboost": "1.7.6"})
    python = Path(sys.executable)
    monkeypatch.setattr(elsewhere, "versions_in", lambda _: {"Python": "3", "scikit-learn": "1.2.2", **has})
    monkeypatch.setattr(parent, "run", _raising(other))
    with pytest.raises(Refused if command else OtherVersion, match=reason) as refusal:
        elsewhere.run(Job(tmp_path / "m.pkl", "m"), Environments(tmp_path, python), lambda *_: None)
    assert f"{python} -m pip install {command}" in refusal.value.remedy or not command


def _raising(error: Exception) -> Any:
    def run(*_: Any) -> None:
        raise error

    return run
