"""What a witness reads: nothing is called or filled there that our own reader did not call or fill itself."""

from __future__ import annotations

import inspect
import io
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import stats
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.neighbors import KNeighborsRegressor

from convert.errors import Refused
from convert.opening.builder import Builder
from convert.opening.unpickler import Unpickler
from convert.witness.reader import Reader
from convert.witness.standins import StandIn
from tests.support.convert.hostile import END, built, called, made, mapping, named, value

KIND = "sklearn.linear_model._logistic.LogisticRegression"
UNIFORM = "scipy.stats._continuous_distns.uniform_gen"


def read(content: bytes) -> Any:
    """As a witness opens it, once our own reader has let it through."""
    builder = Builder(())
    Unpickler(io.BytesIO(content), builder).load()
    assert builder.refused == []
    return Reader(io.BytesIO(content), builder.asked, builder.stand_ins).load()


def holding(program: bytes) -> bytes:
    """A model that holds what this program pushes as its ``C``."""
    return b"\x80\x04" + built(made(KIND), mapping(C=program, _sklearn_version=value(sklearn.__version__))) + END


def writing(path: Path) -> bytes:
    """Pushes a distribution whose state scipy runs as code."""
    code = f"open({str(path)!r}, 'w').close()\n_parse_args = _parse_args_rvs = _parse_args_stats = print"
    state = {**vars(stats.uniform), "_parse_arg_template": code}
    kept = {name: plain for name, plain in state.items() if isinstance(plain, str | int | float | None)}
    return built(made(UNIFORM), value(kept))


def test_a_distribution_runs_no_code_of_its_state(tmp_path: Path) -> None:
    content = holding(writing(tmp_path / "ran"))
    pickle.loads(content)  # noqa: S301  scipy's own runs it
    (tmp_path / "ran").unlink()
    assert isinstance(read(content).C, StandIn)
    assert not (tmp_path / "ran").exists()


def test_nor_does_one_in_an_array_of_objects_of_joblib(tmp_path: Path) -> None:
    file = io.BytesIO()
    joblib.dump({"a": np.array([LogisticRegression], object)}, file)
    content = file.getvalue()
    start = content.index(b"\x80", 2)
    nested = io.BytesIO(content[start:])
    pickle.load(nested)  # noqa: S301
    end = start + nested.tell()
    read(content[:start] + holding(writing(tmp_path / "ran")) + content[end:])
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "program",
    [
        called(called(named("numpy.vectorize"), named("_codecs.encode")), value("text")),
        called(called(named("functools.partial"), named("numpy.vectorize")), named("_codecs.encode")),
        built(called(named("functools.partial"), named("numpy.vectorize")), value((1, 2))),
        called(called(named("builtins.getattr"), named("numpy.vectorize"), value("__init__")), value("text")),
        called(named("sklearn.metrics._scorer._Scorer"), named("_codecs.encode")),
        called(named("pandas.Index"), value([1])),
        called(named("copyreg._reconstructor"), named("numpy.vectorize"), named("builtins.object"), value(None)),
        made("numpy.vectorize") + value([1]) + pickle.APPEND,
        made("numpy.vectorize") + pickle.MARK + value(1) + value(2) + pickle.APPENDS,
        made("numpy.vectorize") + pickle.MARK + value(1) + value(2) + pickle.SETITEMS,
        made("numpy.vectorize") + pickle.MARK + value(1) + pickle.ADDITEMS,
        made("numpy.vectorize") + value(1) + value(2) + pickle.SETITEM,
        pickle.MARK + named("numpy.vectorize") + named("_codecs.encode") + pickle.OBJ,
        pickle.MARK + named("_codecs.encode") + pickle.INST + b"numpy\nvectorize\n",
    ],
)
def test_what_did_nothing_does_nothing(program: bytes) -> None:
    assert isinstance(read(holding(program)).C, StandIn)


def test_an_index_is_made_of_no_other_class() -> None:
    state = value({"data": 1}).replace(value(1), named("numpy.vectorize"))
    content = holding(called(named("pandas.core.indexes.base._new_Index"), named(KIND), state))
    with pytest.raises(Refused):
        read(content)


def test_an_index_is_a_list_of_its_names() -> None:
    assert read(pickle.dumps(pd.Index(["a", "b"], dtype=object))) == ["a", "b"]


def test_a_description_of_items_is_the_one_that_was_checked() -> None:
    """numpy believes a state that says that an item is shorter than its fields are."""
    dtype = np.dtype([("a", "<f8"), ("b", "<f8")])
    content = pickle.dumps(dtype, 3)
    short = content.replace(b"K\x10K\x01K", b"K\x01K\x01K")
    assert short != content
    assert read(short) == dtype


def test_search_trees_are_built_again_from_their_points() -> None:
    rows = np.arange(40.0).reshape(-1, 2)
    model = KNeighborsRegressor(algorithm="kd_tree", leaf_size=2).fit(rows, rows[:, 0])
    state = list(model._tree.__getstate__())
    state[1] = np.full_like(state[1], 10**12)  # the order of the points: read without looking
    broken = pickle.dumps(model).replace(model._tree.__getstate__()[1].tobytes(), state[1].tobytes())
    assert broken != pickle.dumps(model)
    np.testing.assert_array_equal(read(broken).predict(rows), model.predict(rows))


def test_the_class_that_a_threshold_asks_for_is_that_of_the_score() -> None:
    stand_in = StandIn("sklearn.metrics._classification", "f1_score")
    assert inspect.signature(stand_in) == inspect.signature(f1_score)
    with pytest.raises(TypeError, match="not called"):
        stand_in()


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_models_answer_as_before(protocol: int) -> None:
    rows = np.arange(60.0).reshape(-1, 2)
    model = HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=2).fit(rows, rows[:, 0] > 20)
    np.testing.assert_array_equal(read(pickle.dumps(model, protocol)).predict_proba(rows), model.predict_proba(rows))


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_joblib_are_read(order: Any) -> None:
    rows = np.asarray(np.arange(12.0).reshape(3, 4), order=order)
    file = io.BytesIO()
    joblib.dump({"f": rows, "big": rows.astype(">f8"), "o": np.array(["a", None], object)}, file)
    content = read(file.getvalue())
    np.testing.assert_array_equal(content["f"], rows)
    np.testing.assert_array_equal(content["big"], rows)
    assert content["o"].tolist() == ["a", None]


@pytest.mark.parametrize(("kind", "checked", "other"), [("lightgbm", "_handle", "handle"), ("xgboost", "handle", "x")])
def test_a_booster_gets_what_was_checked_and_nothing_else(kind: str, checked: str, other: str) -> None:
    """Other releases read other keys of a state than ours."""
    module = pytest.importorskip(kind)
    rows, answers = np.arange(40.0).reshape(20, 2), np.arange(20) % 2
    if kind == "lightgbm":
        booster = module.train({"verbosity": -1, "min_data_in_leaf": 1}, module.Dataset(rows, answers), 2)
        content = booster.model_to_string()
    else:
        booster = module.train({}, module.DMatrix(rows, answers), 2)
        content = bytes(booster.save_raw("ubj"))
    name = f"{kind}.{'basic' if kind == 'lightgbm' else 'core'}.Booster"
    seen: list[dict[str, Any]] = []
    program = pickle.PROTO + b"\x04" + built(made(name), value({checked: content, other: "unlooked at"})) + END
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(booster), "__setstate__", lambda _, state: seen.append(state))
        Reader(io.BytesIO(program), {tuple(name.rsplit(".", 1))}, ()).load()  # type: ignore[arg-type]
    assert set(seen[0]) == {checked} | ({other} if kind == "xgboost" else set())
    broken = pickle.PROTO + b"\x04" + built(made(name), value({checked: content[:60]})) + END
    with pytest.raises(Refused):
        Reader(io.BytesIO(broken), {tuple(name.rsplit(".", 1))}, ()).load()  # type: ignore[arg-type]
