"""Loading: what a model knows after it, which files and metadata are refused, and what a trial elsewhere saves."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import orjson
import pytest
from onnx import helper

from server.artefact.metadata import BadArtefact, from_metadata, to_metadata
from server.artefact.onnxfile import MAX_BYTES, BadFile
from server.artefact.runtime import Runtime
from server.models import loading
from server.models.files import ChangedMeanwhile
from server.models.folder import VersionFile
from server.models.trial import Findings, TrialFailed, Verdict
from tests.support.models.bad_models import endless
from tests.support.models.loading import load, load_version, put
from tests.support.server.decoding import decode
from tests.support.server.models import (
    FLOAT,
    classifier,
    mixed,
    onnx_file,
    plain,
    plain_two_inputs,
    regressor,
    row_mixing,
    threshold,
    with_metadata,
)


def test_a_model_knows_all_there_is_to_know(tmp_path: Path) -> None:
    path = put(tmp_path, "m.onnx", classifier().data)
    model = load(path)
    assert (model.name, model.version) == ("m", "7")
    assert model.sha256 == hashlib.sha256(classifier().data).hexdigest()
    assert model.artefact == classifier().artefact
    assert model.predict is not None
    assert model.layouts == model.predict.layouts
    assert (model.verdict.golden_rows, model.verdict.row_independent) == (16, True)
    assert model.curve.seconds(1) > 0.0
    group = decode(model.predict, b'{"features": [5.1, 3.5, 1.4, 0.2]}').group
    assert group.outputs == ("label", "probabilities")


def test_a_plain_file_has_a_codec_where_one_can_be_made(tmp_path: Path) -> None:
    with_rows = load(put(tmp_path, "one.onnx"))
    assert with_rows.artefact is None
    assert with_rows.predict is not None
    without_rows = load(put(tmp_path, "two.onnx", plain_two_inputs().data))
    assert without_rows.predict is None
    assert without_rows.layouts == ()
    assert without_rows.verdict.row_independent
    assert not load(put(tmp_path, "mixing.onnx", row_mixing().data)).verdict.row_independent


@pytest.mark.parametrize(
    ("shape", "row_independent"), [([], False), ([1, 2], False), (["N", "M"], True), (["N", 2, "K"], True)]
)
def test_inputs_of_any_shape_serve_those_without_rows_by_themselves(
    tmp_path: Path, shape: list[Any], row_independent: bool
) -> None:
    data = onnx_file([helper.make_node("Identity", ["X"], ["Y"])], [("X", FLOAT, shape)], [("Y", FLOAT, shape)])
    model = load(put(tmp_path, "m.onnx", data))
    assert (model.predict, model.verdict.row_independent, model.v2.row_independent) == (
        None,
        row_independent,
        row_independent,
    )


def test_features_that_are_not_the_graphs_inputs_are_refused(tmp_path: Path) -> None:
    other = mixed().artefact
    assert other is not None
    data = with_metadata(regressor().data, to_metadata(other))
    with pytest.raises(BadArtefact, match=r"'age' of float64.*the graph has 'X' of float64"):
        load(put(tmp_path, "m.onnx", data))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("classes", [["a", "b"], ["a", "b"]]),
        ("classes", [["a"], ["b"], []]),
        ("classes", [{"a": 1}, "b", "c"]),
        ("features", [{"name": "a", "dtype": "float64", "input": "X", "nullable": False, "categories": [[{}]]}]),
    ],
)
def test_metadata_that_makes_no_codec_is_refused(tmp_path: Path, key: str, value: Any) -> None:
    artefact = classifier().artefact
    assert artefact is not None
    metadata = to_metadata(artefact) | {f"dynonnx.{key}": orjson.dumps(value).decode()}
    with pytest.raises(BadArtefact, match=r"classes|categories"):
        load(put(tmp_path, "m.onnx", with_metadata(classifier().data, metadata)))


def test_a_graph_that_answers_otherwise_is_refused(tmp_path: Path) -> None:
    artefact = regressor().artefact
    assert artefact is not None
    metadata = to_metadata(artefact)
    golden = orjson.loads(metadata["dynonnx.golden"])
    golden["outputs"]["value"][2] = [0.0]
    data = with_metadata(regressor().data, metadata | {"dynonnx.golden": orjson.dumps(golden).decode()})
    with pytest.raises(TrialFailed, match="golden row 2"):
        load(put(tmp_path, "m.onnx", data))


def test_a_file_that_was_tried_elsewhere_is_opened_with_what_was_found_there(tmp_path: Path) -> None:
    path = put(tmp_path, "m.onnx", classifier().data)
    first = load(path)
    findings = Findings(
        first.sha256,
        first.size,
        dataclasses.replace(first.verdict, golden_rows=7),
        first.curve,
        cost_by_rows=False,
        pads_texts=True,
    )
    again = load_version(VersionFile("m", "7", path), findings)
    assert again.verdict.golden_rows == 7
    assert again.curve is first.curve
    assert first.cost_by_rows
    assert not again.cost_by_rows
    assert (first.pads_texts, again.pads_texts) == (False, True)
    put(tmp_path, "m.onnx", regressor().data)
    with pytest.raises(ChangedMeanwhile):
        load_version(VersionFile("m", "7", path), findings)


@pytest.mark.parametrize(
    "make", [endless, lambda: classifier().data, lambda: plain().data], ids=["endless", "ours", "plain"]
)
def test_what_was_tried_elsewhere_is_opened_and_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[], bytes]
) -> None:
    """The process that opens it for good answers signals and workers meanwhile: one long operator cannot be stopped."""
    data = make()
    curve = load(put(tmp_path, "plain.onnx")).curve
    findings = Findings(hashlib.sha256(data).hexdigest(), len(data), Verdict(0), curve, cost_by_rows=False)

    runs: list[object] = []
    monkeypatch.setattr(Runtime, "run", lambda *arguments: runs.append(arguments))
    assert load_version(VersionFile("m", "7", put(tmp_path, "m.onnx", data)), findings).curve is curve
    assert not runs


def test_a_graph_that_is_not_proven_is_batched_at_the_operators_own_risk(tmp_path: Path) -> None:
    """Its trial finds nothing: eight small rows do not meet the threshold."""
    file = VersionFile("m", "7", put(tmp_path, "m.onnx", threshold()))
    proven, trial = load_version(file), load_version(file, batch="trial")
    assert (proven.verdict.row_independent, proven.v2.row_independent) == (False, False)
    assert proven.verdict.mixing == "'ReduceMax' makes 'max': it works across the rows"
    assert (trial.verdict.row_independent, trial.v2.row_independent) == (True, True)
    mixing = VersionFile("m", "7", put(tmp_path, "mixing.onnx", row_mixing().data))
    assert not load_version(mixing, batch="trial").verdict.row_independent


def test_a_trial_has_the_last_word_where_the_graph_is_proven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "find_mixing", lambda data: None)
    verdict = load(put(tmp_path, "mixing.onnx", row_mixing().data)).verdict
    assert verdict.mixing == "in its trial, the output 'Y' answered a row otherwise alone than among others"


def dropped(node: onnx.NodeProto, functions: Sequence[onnx.FunctionProto] = ()) -> bytes:
    """A file of one node, which makes Y of X, a ratio and whether it trains."""
    constants = {"ratio": np.float32(0.5), "training": np.array(True)}
    data = onnx_file([node], [("X", FLOAT, ["N", 3])], [("Y", FLOAT, ["N", 3])], constants)
    model = onnx.load_model_from_string(data)
    model.functions.extend(functions)
    model.opset_import.extend([helper.make_opsetid("own", 1)] if functions else [])
    return bytes(model.SerializeToString())


TRAINS = helper.make_node("Dropout", ["X", "ratio", "training"], ["Y"])
BODY = helper.make_graph([TRAINS], "body", [], [helper.make_tensor_value_info("Y", FLOAT, ["N", 3])])
OWN = helper.make_function(
    "own", "Own", ["X", "ratio", "training"], ["Y"], [TRAINS], [helper.make_opsetid("", 17)], ["seed"]
)
DRAWING = {
    "in the graph": dropped(TRAINS),
    "in a graph of a node": dropped(helper.make_node("If", ["training"], ["Y"], then_branch=BODY, else_branch=BODY)),
    "in a function": dropped(helper.make_node("Own", ["X", "ratio", "training"], ["Y"], domain="own"), [OWN]),
}


@pytest.mark.parametrize("where", DRAWING)
@pytest.mark.parametrize("batch", ["proven", "trial"])
def test_what_may_draw_by_chance_is_not_repeatable(tmp_path: Path, where: str, batch: str) -> None:
    file = VersionFile("m", "7", put(tmp_path, "m.onnx", DRAWING[where]))
    model = load_version(file, batch=batch)
    assert not model.repeatable
    found = Findings(model.sha256, model.size, model.verdict, model.curve, cost_by_rows=False, pads_texts=False)
    assert not load_version(file, found, batch=batch).repeatable


def test_dropout_that_does_not_train_is_repeatable_where_that_is_proven(tmp_path: Path) -> None:
    file = VersionFile("m", "7", put(tmp_path, "m.onnx", dropped(helper.make_node("Dropout", ["X"], ["Y"]))))
    assert load_version(file).repeatable
    assert not load_version(file, batch="trial").repeatable


def test_what_is_no_file_or_no_model_is_refused_by_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(BadFile, match="is not a file"):
        load(tmp_path / "folder")
    with pytest.raises(BadFile, match="is empty"):
        load(put(tmp_path, "empty.onnx", b""))
    with (tmp_path / "huge.onnx").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(BadFile, match="is larger than"):
        load(tmp_path / "huge.onnx")


def test_a_graph_of_very_many_outputs_is_refused(tmp_path: Path) -> None:
    """A request of 100 bytes would have an answer of each."""
    names = [f"o{number}" for number in range(loading.MOST_OUTPUTS + 1)]
    nodes = [helper.make_node("Split", ["X"], names, axis=1, num_outputs=len(names))]
    data = onnx_file(nodes, [("X", FLOAT, ["N", len(names)])], [(name, FLOAT, ["N", 1]) for name in names])
    with pytest.raises(BadFile, match="has 1025 outputs, more than 1024"):
        load(put(tmp_path, "many.onnx", data))


def test_what_is_slow_to_open_is_refused_in_its_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has tried it elsewhere knows that it is not."""
    path = put(tmp_path, "m.onnx", classifier().data)
    findings = load(path)
    times = iter((10.0, 10.0 + loading.OPENING_SECONDS + 1.0))
    monkeypatch.setattr(loading, "process_time", lambda: next(times))
    with pytest.raises(BadFile, match=r"^took 4\.0 s of processor time to open, more than 3\.0 s"):
        load(path)
    monkeypatch.undo()
    tried = Findings(findings.sha256, findings.size, findings.verdict, findings.curve, cost_by_rows=True)
    assert load_version(VersionFile("m", "7", path), tried).sha256 == findings.sha256


IRIS = ["setosa", "versicolor", "virginica"]
BAD_CLASSES: list[Any] = ["no list", {}, ["a", "b", {}], [[1], 2], ["setosa", *IRIS], IRIS[:2], [*IRIS, "another"]]
BAD_ROWS: list[Any] = [{}, "no", [1], [[1.0]], [[1.0, 1.0, 1.0, [1]]], [{}]]
BAD_CLAIMS = [("classes", bad) for bad in BAD_CLASSES] + [("golden", bad) for bad in BAD_ROWS]


@pytest.mark.parametrize("at", range(len(BAD_CLAIMS)))
@pytest.mark.parametrize("golden", [True, False])
def test_metadata_that_does_not_fit_the_answers_is_refused(tmp_path: Path, at: int, golden: bool) -> None:
    key, bad = BAD_CLAIMS[at]
    made = classifier()
    assert made.artefact is not None
    claims: dict[str, Any] = {} if golden else {"golden": {"rows": [], "outputs": {}}}
    claims[key] = {"rows": bad, "outputs": {}} if key == "golden" else bad
    metadata = {f"dynonnx.{name}": orjson.dumps(value).decode() for name, value in claims.items()}
    with pytest.raises((BadArtefact, TrialFailed)):
        load(put(tmp_path, "m.onnx", with_metadata(made.data, to_metadata(made.artefact) | metadata)))


def test_what_takes_long_to_make_of_the_metadata_counts_as_opening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [10.0]

    def slow(metadata: Any) -> Any:
        clock[0] += loading.OPENING_SECONDS + 1.0
        return from_metadata(metadata)

    monkeypatch.setattr(loading, "from_metadata", slow)
    monkeypatch.setattr(loading, "process_time", lambda: clock[0])
    with pytest.raises(BadFile, match=r"^took 4\.0 s of processor time to open"):
        load(put(tmp_path, "m.onnx", classifier().data))
