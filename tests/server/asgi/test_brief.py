"""What the OpenAPI document tells of models is bounded, whatever their files claim; of usual ones it is all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from onnx import helper

from server.artefact.metadata import to_metadata
from server.asgi import brief as brief_module
from server.asgi.brief import MOST_BYTES, MOST_COLUMNS, MOST_VALUES, in_brief
from server.asgi.openapi import document
from server.models.repository import Model, Repository
from tests.server.asgi.test_openapi import load
from tests.support.server.models import FLOAT, Made, classifier, mixed, onnx_file, with_metadata


def written(*models: Model) -> bytes:
    """The document of models, the first of which is the default."""
    return orjson.dumps(document(Repository(models, {}, models[0].name), {}, keyed=False))


def changed(made: Made, **values: Any) -> bytes:
    """The same file with other metadata."""
    assert made.artefact is not None
    return with_metadata(made.data, to_metadata(replace(made.artefact, **values)))


def wide(columns: int) -> bytes:
    """A file of 200 bytes that takes so many numbers a row."""
    constant = helper.make_node("ReduceSum", ["X", "axis"], ["Y"], keepdims=1)
    return onnx_file([constant], [("X", FLOAT, ["N", columns])], [("Y", FLOAT, ["N", 1])], {"axis": [1]})


def test_a_few_bytes_that_claim_many_columns_make_no_large_document(tmp_path: Path) -> None:
    model = load(tmp_path, "wide", "1", wide(30_000))
    assert in_brief([model]) == {"wide": None}
    assert len(written(model)) < 20_000
    fits = load(tmp_path, "fits", "1", wide(MOST_COLUMNS))
    assert in_brief([fits]) == {"fits": fits}


def test_many_models_together_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brief_module, "IN_ALL_BYTES", 25_000)
    model = load(tmp_path, "a", "1", wide(100))
    told = in_brief([replace(model, name=f"m{number}") for number in range(9)])
    assert [name for name, brief in told.items() if brief is not None] == ["m0", "m1", "m2"]


def test_categories_beyond_some_hundred_are_counted_and_not_listed(tmp_path: Path) -> None:
    artefact = mixed().artefact
    assert artefact is not None
    city, *others = artefact.features
    known = {row[0] for row in artefact.golden.rows}
    many = (*known, *(f"city {number}" for number in range(MOST_VALUES)))
    model = load(tmp_path, "m", "1", changed(mixed(), features=(replace(city, categories=many), *others)))
    row = document(Repository([model], {}), {}, keyed=False)["components"]["schemas"]["Rows"]["items"]["anyOf"][0]
    assert "enum" not in row["prefixItems"][0]
    assert row["prefixItems"][0]["description"].startswith(f"one of {len(many)} values")
    long = (*known, "x" * MOST_BYTES)
    model = load(tmp_path, "m", "2", changed(mixed(), features=(replace(city, categories=long), *others)))
    assert b"xxxx" not in written(model)


def test_classes_beyond_some_hundred_are_not_listed(tmp_path: Path) -> None:
    model = load(tmp_path, "m", "1", classifier().data)
    assert model.artefact is not None
    classes = tuple(f"class {number}" for number in range(MOST_VALUES + 1))
    many = replace(model, artefact=replace(model.artefact, classes=classes))
    assert b"class 1" not in written(many)
    assert b'"additionalProperties":{"type":["number","null"]' in written(many)
    of_two = replace(model, artefact=replace(model.artefact, classes=(classes, classes)))
    assert in_brief([of_two]) == {"m": None}
    assert len(written(of_two)) < 20_000


def test_long_names_and_golden_rows_are_left_out(tmp_path: Path) -> None:
    model = load(tmp_path, "m", "1", classifier().data)
    artefact = model.artefact
    assert artefact is not None
    first, *others = artefact.features
    named = replace(model, artefact=replace(artefact, features=(replace(first, name="x" * MOST_BYTES), *others)))
    assert len(written(named)) < 20_000
    golden = replace(artefact.golden, rows=(("x" * MOST_BYTES, 1.0, 1.0, 1.0),))
    assert b"xxxx" not in written(replace(model, artefact=replace(artefact, golden=golden)))


@pytest.mark.parametrize("classes", [(), ((),), None])
def test_a_regressor_whose_file_has_empty_classes_is_described(tmp_path: Path, classes: Any) -> None:
    model = load(tmp_path, "m", "1", mixed().data)
    assert model.artefact is not None
    assert b"/models/m/predict" in written(replace(model, artefact=replace(model.artefact, classes=classes)))


def test_of_a_usual_model_all_is_told(tmp_path: Path) -> None:
    for made in (classifier(), mixed()):
        model = load(tmp_path, "m", "1", made.data)
        told = in_brief([model])["m"]
        assert told is not None
        assert told.artefact is not None
        assert model.artefact is not None
        assert replace(told.artefact, golden=model.artefact.golden) == model.artefact
