"""XGBoost's documents are looked through before it reads them: forged ones made it follow foreign memory."""

from __future__ import annotations

import json
import pickle
import struct
from typing import Any

import numpy as np
import pandas
import pytest

from convert.errors import Refused
from convert.opening.making.ubjson import read_ubjson
from convert.opening.making.xgboosters import check_xgboost, check_xgboost_bytes
from convert.opening.opener import open_model

xgboost = pytest.importorskip("xgboost", reason="an optional extra")

WORDS = np.array(["x", "y", "z", "w"])[np.arange(200) % 4]
TABLE = pandas.DataFrame({"a": pandas.Categorical(WORDS), "b": np.arange(200.0)})
TARGETS = np.isin(WORDS, ["x", "w"]).astype(int)


@pytest.fixture(scope="module")
def raw() -> bytes:
    """The document of a model whose trees ask for categories."""
    model = xgboost.XGBClassifier(n_estimators=2, max_depth=2, enable_categorical=True).fit(TABLE, TARGETS)
    return bytes(model.get_booster().__getstate__()["handle"])


@pytest.mark.parametrize(
    "make",
    [
        lambda: xgboost.XGBClassifier(n_estimators=2, enable_categorical=True).fit(TABLE, TARGETS),
        lambda: xgboost.XGBRegressor(n_estimators=2, booster="dart").fit(TABLE[["b"]], TARGETS),
        lambda: xgboost.XGBRegressor(n_estimators=2, booster="gblinear").fit(TABLE[["b"]], TARGETS),
        lambda: xgboost.XGBRegressor(n_estimators=2).fit(TABLE[["b"]], np.column_stack([TARGETS, TARGETS])),
        lambda: xgboost.XGBRFClassifier(n_estimators=2).fit(TABLE[["b"]], TARGETS),
    ],
)
def test_what_xgboost_wrote_is_read_as_it_reads_it(make: Any) -> None:
    booster = make().get_booster()
    read = read_ubjson(bytes(booster.__getstate__()["handle"]))["Model"]["learner"]
    told = json.loads(bytes(booster.save_raw("json")))["learner"]
    assert json.loads(json.dumps(read["gradient_booster"], default=list_of)).keys() == told["gradient_booster"].keys()
    check_xgboost(read)
    assert open_model(pickle.dumps(make())) is not None


def list_of(array: Any) -> Any:
    """numpy's arrays as JSON has them."""
    return array.tolist()


def forged(raw: bytes, name: str, value: int, at: int = 0) -> bytes:
    """The document with one number of the first array of that name changed."""
    head = raw.index(name.encode() + b"[$") + len(name) + 2
    kind, width = {b"l": (">i", 4), b"L": (">q", 8), b"U": (">B", 1), b"d": (">f", 4)}[raw[head : head + 1]]
    start = head + 1 + 1 + 1 + 8 + at * width  # type, "#", "L", count
    return raw[:start] + struct.pack(kind, value) + raw[start + width :]


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("categories_segments", 1 << 40, "outside its own sets of categories"),
        ("categories_segments", -1, "outside its own sets of categories"),
        ("categories_sizes", 1 << 50, "outside its own sets of categories"),
        ("categories_nodes", 1 << 28, "outside its own sets of categories"),
        ("categories_nodes", -5, "outside its own sets of categories"),
        ("categories", -7, "outside its own sets of categories"),
        ("categories", 1 << 30, "outside its own sets of categories"),
        ("left_children", 1 << 28, "outside its own nodes"),
        ("right_children", 0, "outside its own nodes"),
        ("split_indices", 1 << 28, "outside its own nodes"),
        ("feature_segments", 3, "names of categories"),
        ("sorted_idx", 1 << 28, "names of categories"),
    ],
)
def test_a_forged_document_is_refused_before_xgboost_reads_it(raw: bytes, name: str, value: int, why: str) -> None:
    check_xgboost_bytes(raw)
    with pytest.raises(Refused, match=why):
        check_xgboost_bytes(forged(raw, name, value))


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("tree_info", [0, 9], "what its trees are for"),
        ("tree_info", [0], "what its trees are for"),
        ("iteration_indptr", [0, 7, 2], "the trees that it counts"),
        ("gbtree_model_param", {"num_trees": "3"}, "the trees that it counts"),
    ],
)
def test_what_does_not_count_its_trees_is_refused(raw: bytes, name: str, value: Any, why: str) -> None:
    learner = read_ubjson(raw)["Model"]["learner"]
    learner["gradient_booster"]["model"][name] = value
    with pytest.raises(Refused, match=why):
        check_xgboost(learner)


def test_older_documents_are_json(raw: bytes) -> None:
    model = json.dumps({"learner": read_ubjson(raw)["Model"]["learner"]}, default=list_of)
    check_xgboost_bytes(model.encode().replace(b'{"learner": ', b'{"learner":'))
    for broken in (b'{"learner":1}', b'{"learner":{}}', b'{"a":1,"a":2}', b'{"', b"binf", b""):
        with pytest.raises(Refused):
            check_xgboost_bytes(broken)


def test_damaged_bytes_are_refused_or_harmless(raw: bytes) -> None:
    """Every byte of the structure is changed in turn; the check ends in words, never in another error."""
    chance = np.random.default_rng(0)
    for at in chance.integers(0, len(raw), 300):
        damaged = raw[:at] + bytes([raw[at] ^ int(chance.integers(1, 256))]) + raw[at + 1 :]
        try:
            check_xgboost_bytes(damaged)
        except Refused:
            continue
