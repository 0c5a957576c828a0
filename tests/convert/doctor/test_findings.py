"""What a file tells unopened: format, versions, names, and the tree of its estimators, within bounds."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from convert.doctor import findings
from convert.doctor.findings import Findings, find
from convert.opening.allowlist import CALLED, full_names
from convert.opening.making.makers import MAKERS
from tests.support.convert.hostile import Calls

X = np.random.default_rng(0).normal(size=(30, 3))
Y = np.arange(30) % 2
COLUMNS = ColumnTransformer([("some", make_pipeline(SimpleImputer(), StandardScaler()), [0, 1]), ("one", "drop", [2])])
PIPELINE = make_pipeline(COLUMNS, RandomForestClassifier(7)).fit(X, Y)
DRAWN = (
    "Pipeline",
    "   columntransformer: ColumnTransformer",
    "      some: Pipeline",
    "         simpleimputer: SimpleImputer",
    "         standardscaler: StandardScaler",
    "      one: drop",
    "   randomforestclassifier: RandomForestClassifier",
    "      7 times: DecisionTreeClassifier",
)


def dumped(model: Any, compress: Any) -> bytes:
    """As joblib writes it."""
    stream = io.BytesIO()
    joblib.dump(model, stream, compress=compress)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "packed"),
    [
        (pickle.dumps(PIPELINE), ""),
        (pickle.dumps(PIPELINE, 0), ""),
        (dumped(PIPELINE, 0), ""),
        *((dumped(PIPELINE, (kind, 3)), kind) for kind in ("zlib", "gzip", "bz2", "xz", "lzma")),
    ],
    ids=["pickle", "protocol 0", "joblib", "zlib", "gzip", "bz2", "xz", "lzma"],
)
def test_a_pipeline_is_drawn_whatever_it_is_written_with(content: bytes, packed: str) -> None:
    found = find(content)
    assert (found.kind, found.packed, found.stopped) == ("pickle", packed, "")
    assert found.versions == (sklearn.__version__,)
    assert found.unknown == ()
    assert found.drawing == DRAWN
    assert Findings.from_json(found.to_json()) == found


def test_a_search_shows_its_best_and_arrays_of_objects_are_read_through() -> None:
    search = GridSearchCV(PIPELINE, {"randomforestclassifier__max_depth": [1, 2]}, cv=2).fit(X, Y)
    found = find(dumped({"model": search, "rows": np.array(["a", None], object)}, 0))
    assert found.keys == ("model",)
    assert found.drawing[:2] == ("model: GridSearchCV", f"   best_estimator: {DRAWN[0]}")
    assert found.stopped == ""


def test_a_skops_file_is_drawn_too() -> None:
    skops = pytest.importorskip("skops.io", reason="skops is not installed")
    found = find(skops.dumps(PIPELINE))
    assert (found.kind, found.versions) == ("skops", (sklearn.__version__,))
    assert found.drawing[:2] == DRAWN[:2]


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"a,b\n1,2\n", "text"), (b"\xff\xfe\x00", "other"), (b"", "other"), (b"PK\x03\x04x", "skops")],
)
def test_what_is_no_model_is_said(content: bytes, kind: str) -> None:
    assert find(content).kind == kind


def test_names_are_told_apart(tmp_path: Path) -> None:
    found = find(pickle.dumps([PIPELINE, Calls(eval, "1")]))
    assert found.unknown == ("builtins.eval",)
    assert "sklearn.pipeline.Pipeline" in found.known
    assert full_names(CALLED) == set(MAKERS), "what may be called is known"


def test_a_drawing_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few bytes may repeat one estimator without end, and call it by any length."""
    name = b"csklearn.pipeline\nPipeline\n)\x81"
    nested = name + b"q\x00}\x8c\x05steps](\x8c\x01a" + b"h\x00\x86\x8c\xff" + b"b" * 255 + b"h\x00\x86esb."
    found = find(b"\x80\x04" + nested)
    assert len(found.drawing) == findings.MOST_LINES + 1
    assert max(map(len, found.drawing)) < 200
    monkeypatch.setattr(findings, "MOST_BYTES", 1000)
    assert "only its first" in find(dumped(PIPELINE, 3)).stopped
