"""A person's own code is found where they say it is: in modules, scripts, notebooks, or in the file itself."""

from __future__ import annotations

import dis
import json
import pickle
import shlex
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle  # type: ignore[import-untyped,unused-ignore]  # joblib brings it
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from convert.errors import Refused
from convert.opening.opener import OpenPolicy, open_model
from convert.opening.own_code import OwnCode, checked
from convert.opening.scripts import Script

SCRIPT = """
import numpy as np
import pandas as pd

FACTOR = 3

def scale(X):
    return np.asarray(X) * FACTOR

class Keeper:
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return scale(X)

table = pd.read_csv("/nowhere/train.csv")
model = LogisticRegression().fit(table, table)
raise SystemExit("the script would train now")
"""
NOTEBOOK = [
    {"cell_type": "markdown", "source": ["# text"]},
    {"cell_type": "code", "source": ["%matplotlib inline\n", "!pip install x\n", "import numpy as np\n", "FACTOR = 3"]},
    {"cell_type": "code", "source": ["this is no Python"]},
    {"cell_type": "code", "source": ["def scale(X):\n", "    return np.asarray(X) * FACTOR\n"]},
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a script, and a path of imports that is put back."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "train.py").write_text(SCRIPT)
    return tmp_path


def named(module: str, name: str) -> bytes:
    """A pickle of a FunctionTransformer whose function is that name's."""
    holder = ModuleType(module)
    exec(f"def {name}(X): return X", vars(holder))  # noqa: S102  a stand-in that pickle can name
    vars(holder)[name].__module__ = module
    before = sys.modules.get(module)
    sys.modules[module] = holder
    try:
        return pickle.dumps(FunctionTransformer(vars(holder)[name]))
    finally:
        del sys.modules[module]
        if before is not None:
            sys.modules[module] = before


def opened(pickled: bytes, *paths: Path) -> Any:
    """The model, with the code in these paths."""
    return open_model(pickled, OpenPolicy(code=OwnCode(paths)))


def refused(pickled: bytes, *paths: Path) -> str:
    """How a file with code in these paths is refused."""
    with pytest.raises(Refused) as caught:
        opened(pickled, *paths)
    return str(caught.value)


def test_a_script_gives_what_it_defines_and_is_not_run(folder: Path) -> None:
    model = opened(named("__main__", "scale"), folder / "train.py")
    np.testing.assert_array_equal(model.func([1.0]), [3.0])


def test_a_notebook_gives_what_its_cells_define(folder: Path) -> None:
    notebook = folder / "titanic.ipynb"
    notebook.write_text(json.dumps({"cells": NOTEBOOK}))
    model = opened(named("__main__", "scale"), notebook)
    np.testing.assert_array_equal(model.func([1.0]), [3.0])
    assert model.func.__code__.co_filename == "titanic.ipynb, cell 3"


def test_a_folder_is_searched_for_the_file_that_defines_a_name(folder: Path) -> None:
    assert opened(named("__main__", "scale"), folder).func([2.0]) == [6.0]


def test_two_files_that_define_a_name_are_named(folder: Path) -> None:
    (folder / "other.py").write_text("def scale(X):\n    return X\n")
    assert "other.py, train.py" in refused(named("__main__", "scale"), folder)


def test_a_name_that_no_file_defines_is_told_what_helps(folder: Path) -> None:
    told = refused(named("__main__", "elsewhere"), folder)
    assert "elsewhere from __main__" in told
    assert "--path NOTEBOOK.ipynb" in told
    assert "cloudpickle.dump" in told


def test_a_module_of_a_folder_is_imported(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "own_features.py").write_text("def twice(X):\n    return X * 2\n")
    monkeypatch.delitem(sys.modules, "own_features", raising=False)
    assert opened(named("own_features", "twice"), folder).func(4) == 8


def test_a_module_that_is_missing_is_named_with_the_way_to_it(folder: Path) -> None:
    told = refused(named("own_pipeline", "twice"), folder)
    assert "no module 'own_pipeline'" in told
    assert "--path DIR names the folder that has own_pipeline.py" in told


def test_a_module_that_works_while_it_is_imported_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "own_training.py").write_text("open('/nowhere/train.csv')\n")
    monkeypatch.delitem(sys.modules, "own_training", raising=False)
    assert "own_training" in refused(named("own_training", "f"), folder)


def test_a_module_that_would_end_the_program_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "own_program.py").write_text("import argparse\nargparse.ArgumentParser().parse_args(['--unknown'])\n")
    monkeypatch.delitem(sys.modules, "own_program", raising=False)
    assert "own_program" in refused(named("own_program", "f"), folder)


def test_a_module_that_an_installed_one_hides_is_named(folder: Path) -> None:
    (folder / "fractions.py").write_text("def halve(X):\n    return X / 2\n")
    told = refused(named("fractions", "halve"), folder)
    assert "/fractions.py), which does not have it" in told
    assert "needs another name" in told


def test_a_folder_of_too_many_scripts_asks_for_the_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "other.py").write_text("")
    monkeypatch.setattr("convert.opening.own_code.MOST_SCRIPTS", 1)
    assert "2 scripts and notebooks" in refused(named("__main__", "scale"), folder)
    monkeypatch.undo()
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr("convert.opening.own_code.MOST_SCRIPT_BYTES", 10)
    assert "too many to search" in refused(named("__main__", "scale"), folder)


def test_each_script_of_a_folder_is_read_once_however_many_names_are_asked_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def script(file: Path) -> Script:
        read.append(file)
        return Script(file)

    monkeypatch.setattr("convert.opening.own_code.Script", script)
    code = OwnCode([folder])
    for name in ("scale", "Keeper", "FACTOR"):
        code.find("__main__", name)
    assert read == [folder / "train.py"]


def test_code_in_the_file_itself_needs_no_path() -> None:
    factor = 5
    model = opened(cloudpickle.dumps(FunctionTransformer(lambda x: x * factor)))
    assert model.func(2) == 10


def test_what_pandas_keeps_for_a_class_opens_too() -> None:
    class Keeper:
        def __init__(self) -> None:
            self.means = pd.Series([1.5, 2.5], index=["a", "b"])
            self.scaler = StandardScaler().fit([[1.0], [3.0]])

        def transform(self, x: Any) -> Any:
            return x

    kept = opened(cloudpickle.dumps(Keeper()))
    assert kept.means.to_dict() == {"a": 1.5, "b": 2.5}
    assert kept.scaler.mean_ == [2.0]


def test_without_trust_the_refusal_says_what_is_asked_for_and_the_command(folder: Path) -> None:
    with pytest.raises(Refused) as caught:
        open_model(named("__main__", "scale"), OpenPolicy(file="churn.pkl"))
    assert "__main__.scale" in caught.value.reason
    assert "python -m convert churn.pkl --trust-code --path NOTEBOOK.ipynb" in caught.value.remedy
    with pytest.raises(Refused) as caught:
        open_model(named("own_untold", "twice"), OpenPolicy(file=str(folder / "churn.pkl")))
    assert "--trust-code --path DIR (the folder that has own_untold.py)" in caught.value.remedy
    (folder / "own_untold.py").write_text("")
    with pytest.raises(Refused) as caught:
        open_model(named("own_untold", "twice"), OpenPolicy(file=str(folder / "churn.pkl")))
    assert "--path" not in caught.value.remedy.partition(".")[0]


@pytest.mark.parametrize("name", ["numpy.core", "own_untold", "__main__"])
def test_no_command_that_helps_runs_what_a_file_calls_itself_or_its_names(name: str) -> None:
    crafted = f"c{name}; touch x #\nf$(id)\n."
    with pytest.raises(Refused) as caught:
        open_model(crafted.encode(), OpenPolicy(file="a b; id.pkl"))
    commands = caught.value.remedy.partition(". It runs")[0].partition(". A trusted")[0].partition(": ")[2]
    words = shlex.shlex(commands, posix=True, punctuation_chars=True)
    assert not {";", "|", "&", ";;"} & set(words)
    assert "$(" not in commands.replace(f"'{name}; touch x #.f$(id)'", "")


def test_names_that_are_nobodys_own_are_refused_as_ever() -> None:
    with pytest.raises(Refused, match="which a model does not need"):
        open_model(b"cos\nsystem\n(S'true'\ntR.")


def test_with_code_a_model_of_scikit_learn_opens_as_ever() -> None:
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    np.testing.assert_array_equal(opened(pickle.dumps(model)).coef_, model.coef_)


def test_bytecode_of_another_python_is_refused_before_it_crashes() -> None:
    def plain(x: Any) -> Any:
        return x

    resume = bytes([dis.opmap["RESUME"]])
    foreign = plain.__code__.replace(co_code=plain.__code__.co_code.replace(resume, b"\x09", 1))
    with pytest.raises(Refused, match="another version of Python"):
        checked(foreign)
    assert checked(plain.__code__) is plain.__code__
