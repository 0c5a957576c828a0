"""Opening: formats, exact names, hostile files, versions."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import pickle
import zlib
from collections.abc import Callable
from typing import Any

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.linear_model import LogisticRegression

from convert.errors import Refused
from convert.opening import opener
from tests.support.convert.hostile import Calls


@pytest.fixture(scope="module")
def model() -> LogisticRegression:
    return LogisticRegression().fit(np.eye(4), ["a", "b", "a", "b"])


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_opens(model: LogisticRegression, protocol: int) -> None:
    opened = opener.open_model(pickle.dumps(model, protocol=protocol))
    np.testing.assert_array_equal(opened.coef_, model.coef_)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zlib.compress])
def test_compressed_pickles_open(model: LogisticRegression, pack: Callable[[bytes], bytes]) -> None:
    opened = opener.open_model(pack(pickle.dumps(model)))
    np.testing.assert_array_equal(opened.coef_, model.coef_)


@pytest.mark.parametrize("compress", [0, 3, ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3), ("zlib", 3)])
def test_joblib_files_open(trained: dict[str, Any], compress: Any) -> None:
    file = io.BytesIO()
    joblib.dump(trained["churn"], file, compress=compress)
    opened = opener.open_model(file.getvalue())
    assert opened.classes_.tolist() == [False, True]


@pytest.mark.fault(59)
@pytest.mark.parametrize(
    ("call", "name"),
    [
        (Calls(os.system, "touch ran"), f"{os.system.__module__}.system"),
        (Calls(eval, "open('ran', 'w')"), "builtins.eval"),
        (Calls(pickle.loads, pickle.dumps(Calls(os.system, "touch ran"))), "_pickle.loads"),
        (Calls(joblib.load, "other.pkl"), "joblib.numpy_pickle.load"),
        (Calls(getattr, "x", "y"), "builtins.getattr"),
        (Calls(getattr, str, "format"), "builtins.getattr"),
        (Calls(getattr, "a b", "split"), "builtins.getattr"),
    ],
)
def test_a_call_of_any_other_name_is_refused_and_not_made(
    call: Calls, name: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Refused, match="which a model does not need") as refusal:
        opener.open_model(pickle.dumps(call))
    assert f"--trust {name}" in refusal.value.remedy
    assert not list(tmp_path.iterdir())


def asking_for(module: str, name: str) -> bytes:
    """A pickle of one global name."""
    return f"c{module}\n{name}\n.".encode()


def test_a_class_of_another_library_is_refused_with_what_records_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convert.opening.refusal.is_own", lambda name: False)  # it is installed
    with pytest.raises(Refused, match="of a library that no exporter knows") as refusal:
        opener.open_model(asking_for("somelibrary.steps", "Capper"))
    assert "--trust-code --data ROWS.csv" in refusal.value.remedy


def test_another_result_of_statsmodels_is_refused_with_those_that_convert() -> None:
    with pytest.raises(Refused, match="MixedLMResultsWrapper, which no exporter knows") as refusal:
        opener.open_model(asking_for("statsmodels.regression.mixed_linear_model", "MixedLMResultsWrapper"))
    assert "the results of OLS, WLS, GLS" in refusal.value.remedy
    assert "--trust" not in refusal.value.remedy


@pytest.mark.parametrize(
    ("module", "name", "same"),
    [
        ("mlxtend.classifier.ensemble_vote", "EnsembleVoteClassifier", "VotingClassifier"),
        ("mlxtend.regressor.stacking_cv_regression", "StackingCVRegressor", "StackingRegressor"),
    ],
)
def test_what_holds_models_in_mlxtend_is_refused_with_the_same_of_scikit_learn(
    module: str, name: str, same: str
) -> None:
    with pytest.raises(Refused, match=f"mlxtend's {name}") as refusal:
        opener.open_model(asking_for(module, name))
    assert refusal.value.remedy == f"fit the same models in scikit-learn's {same}"
    assert "--trust" not in refusal.value.remedy


def test_a_dotted_name_is_refused() -> None:
    program = b"\x80\x04\x8c\x14numpy._core._methods\x8c\x09os.system\x93\x8c\x04true\x85R."
    with pytest.raises(Refused, match=r"numpy._core._methods.os.system"):
        opener.open_model(program)


@pytest.mark.fault(59)
def test_objects_inside_a_joblib_array_are_held_to_the_same_names() -> None:
    file = io.BytesIO()
    joblib.dump({"a": np.array(["x", Calls(eval, "1")], object)}, file)
    with pytest.raises(Refused, match=r"builtins\.eval"):
        opener.open_model(file.getvalue())


def test_a_refusal_lists_every_name() -> None:
    with pytest.raises(Refused) as refusal:
        opener.open_model(pickle.dumps([Calls(eval, "1"), Calls(exec, "1")]))
    assert "builtins.eval, builtins.exec" in refusal.value.reason


def test_a_trusted_name_is_allowed() -> None:
    assert opener.open_model(pickle.dumps(Calls(eval, "40 + 2")), opener.OpenPolicy(("builtins.eval",))) == 42


@pytest.mark.fault(59)
def test_a_bomb_stops_at_the_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opener, "UNPACKED_LIMIT_BYTES", 1 << 21)
    with pytest.raises(Refused, match="unpacks to more than"):
        opener.open_model(zlib.compress(bytes(1 << 23)))


@pytest.mark.parametrize("data", [b"", b"hello", b"\x80\x04", b"\x1f\x8bnot gzip", b"PK\x03\x04zip", bytes(range(256))])
def test_what_is_no_model_file_is_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        opener.open_model(data)


@pytest.mark.fault(60)
def test_another_scikit_learn_is_refused_by_both_versions(model: LogisticRegression) -> None:
    ours = f"_sklearn_version\x94\x8c{chr(len(sklearn.__version__))}{sklearn.__version__}".encode("latin1")
    pickled = pickle.dumps(model, protocol=4)
    assert pickled.count(ours) == 1
    older = pickled.replace(ours, b"_sklearn_version\x94\x8c\x051.3.2")
    with pytest.raises(Refused, match=r"scikit-learn 1\.3\.2; 1\."):
        opener.open_model(older)


def test_a_dict_gives_its_model_by_key(model: LogisticRegression) -> None:
    data = pickle.dumps({"model": model, "notes": "mine"})
    np.testing.assert_array_equal(opener.open_model(data, opener.OpenPolicy(key="model")).coef_, model.coef_)
    with pytest.raises(Refused, match="a dict with 'model', 'notes'"):
        opener.open_model(data)
    with pytest.raises(Refused, match="has no 'clf'"):
        opener.open_model(data, opener.OpenPolicy(key="clf"))


def test_another_scikit_learn_may_be_allowed(model: LogisticRegression) -> None:
    ours = f"_sklearn_version\x94\x8c{chr(len(sklearn.__version__))}{sklearn.__version__}".encode("latin1")
    older = pickle.dumps(model, protocol=4).replace(ours, b"_sklearn_version\x94\x8c\x051.3.2")
    assert isinstance(opener.open_model(older, opener.OpenPolicy(any_version=True)), LogisticRegression)


def test_lz4_files_open(model: LogisticRegression, tmp_path: Any) -> None:
    pytest.importorskip("lz4", reason="lz4 is an optional extra")
    joblib.dump(model, tmp_path / "m.pkl", compress="lz4")
    written = (tmp_path / "m.pkl").read_bytes()
    np.testing.assert_array_equal(opener.open_model(written).coef_, model.coef_)
    with pytest.raises(Refused, match="the compressed file is damaged"):
        opener.open_model(written[:40] + bytes(40) + written[80:])


def test_cloudpickle_files_open_but_code_in_them_is_refused(model: LogisticRegression) -> None:
    cloudpickle = pytest.importorskip("cloudpickle", reason="cloudpickle is an optional extra")
    np.testing.assert_array_equal(opener.open_model(cloudpickle.dumps(model)).coef_, model.coef_)
    with pytest.raises(Refused, match="carries the code of a function or class itself") as refusal:
        opener.open_model(cloudpickle.dumps({"model": model, "call": lambda x: x}))
    assert "--converters" in refusal.value.remedy


def test_skops_files_open(model: LogisticRegression) -> None:
    skops = pytest.importorskip("skops.io", reason="skops is an optional extra")
    np.testing.assert_array_equal(opener.open_model(skops.dumps(model)).coef_, model.coef_)
    with pytest.raises(Refused, match="of a library that no exporter knows"):
        opener.open_model(skops.dumps({"model": model, "call": Calls}))


def test_a_text_is_told_from_a_damaged_pickle() -> None:
    with pytest.raises(Refused, match=r"holds text, not a model: it begins with '# My notes\\n'"):
        opener.open_model(b"# My notes\n")
    with pytest.raises(Refused, match=r"no pickle or a damaged one \(KeyError\)"):
        opener.open_model(b"# \xff")
    with pytest.raises(Refused, match=r"the file is empty"):
        opener.open_model(b"")
    with pytest.raises(Refused, match=r"the file ends before its pickle does"):
        opener.open_model(pickle.dumps([1.5] * 9)[:-5])


@pytest.mark.parametrize(
    ("data", "what", "remedy"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS", "git lfs pull"),
        (b"\x89HDF\r\n\x1a\n", "HDF5, as Keras writes it", "joblib.dump"),
        (b"PAR1\x15", "a Parquet table", "joblib.dump"),
        (b"<!doctype html>", "a web page", "download the file itself"),
        (b'{\n "cells": []}', "a notebook", "joblib.dump"),
    ],
)
def test_what_people_take_for_a_pickle_is_told_by_its_name(data: bytes, what: str, remedy: str) -> None:
    with pytest.raises(Refused, match=f"^the file is {what}, not a model of scikit-learn's") as caught:
        opener.open_model(data)
    assert remedy in caught.value.remedy


def test_a_notebook_is_told_what_to_save_in_it() -> None:
    with pytest.raises(Refused, match=r"^the file is a notebook") as caught:
        opener.open_model(b'{"metadata": {}, "cells": []}', opener.OpenPolicy(file="churn.ipynb"))
    assert "joblib.dump(model, 'model.joblib'), and convert that file" in caught.value.remedy


def test_an_onnx_file_needs_no_conversion() -> None:
    with pytest.raises(Refused, match="which the server takes as it is") as caught:
        opener.open_model(b"\x08\x08\x12\x07", opener.OpenPolicy(file="churn.onnx"))
    assert "models/NAME/1/model.onnx" in caught.value.remedy


def test_a_booster_that_is_not_installed_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any) -> None:
        raise ModuleNotFoundError("No module named 'xgboost'", name="xgboost")

    monkeypatch.setattr("convert.opening.builder._imported", missing)
    program = b"\x80\x04\x8c\x0fxgboost.sklearn\x8c\x0dXGBClassifier\x93."
    with pytest.raises(Refused, match="one of xgboost's, which is not installed here") as refusal:
        opener.open_model(program)
    assert refusal.value.remedy.startswith("make boosters")
