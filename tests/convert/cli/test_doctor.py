"""`convert doctor`: the words, and that the command which it names is the one that helps."""

from __future__ import annotations

import pickle
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.tree import DecisionTreeClassifier

from convert.__main__ import main
from convert.cli import doctor
from convert.sandbox import parent
from tests.support.convert.hostile import Calls

MODEL = DecisionTreeClassifier(max_depth=2).fit(np.eye(6), list("ababcc"))


@pytest.fixture(scope="module", autouse=True)
def near() -> Iterator[None]:
    """One process for all."""
    with parent.near(parent.LOOKS):
        yield


def told(tmp_path: Path, content: Any, capsys: pytest.CaptureFixture[str], name: str = "m.pkl") -> str:
    """What is printed of a file with this content."""
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else pickle.dumps(content))
    assert main(["doctor", str(tmp_path / name)]) == 0
    return capsys.readouterr().out


def test_a_good_model_is_to_be_converted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = told(tmp_path, MODEL, capsys)
    assert "pickle protocol" in said
    assert f"scikit-learn {sklearn.__version__}" in said
    assert "  DecisionTreeClassifier\n" in said
    assert said.endswith(f"next      convert it\n  python -m convert {tmp_path / 'm.pkl'}\n")


def test_each_find_has_its_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = pickle.dumps(MODEL).replace(sklearn.__version__.encode(), b"1.8.0")
    for content, advice in (
        ({"model": MODEL, "date": "x"}, "--key model"),
        (old, "its own scikit-learn 1.8"),
        (b"c__main__\nf\n.", "--trust-code --path NOTEBOOK.ipynb"),
        (b"a,b\n1,2\n", "pickle.dump or joblib.dump"),
        ([MODEL, Calls(eval, "1")], "do not load it"),
    ):
        assert advice in told(tmp_path, content, capsys)


def test_a_package_that_is_missing_is_named_by_its_target(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "OPTIONAL", {"no_such_booster": "boosters"})
    assert "make boosters" in told(tmp_path, b"cno_such_booster.sklearn\nModel\n.", capsys)


def test_a_hostile_file_runs_nothing_and_writes_no_escape(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "ran"
    said = told(tmp_path, Calls(eval, f"open({str(target)!r}, 'w')"), capsys, "a b;\x1b[2J.pkl")
    assert not target.exists()
    said += told(tmp_path, b"cx\x1b]0;owned\x07\nname\n.", capsys, "c d.pkl")
    assert said.replace("\n", "").isprintable()
    assert "builtins.eval" in said
    said = told(tmp_path, MODEL, capsys, "c d;.pkl")
    assert f"python -m convert {shlex.quote(str(tmp_path / 'c d;.pkl'))}" in said


def test_what_is_no_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", str(tmp_path / "none.pkl")]) == 1
    assert "is not a file" in capsys.readouterr().err
