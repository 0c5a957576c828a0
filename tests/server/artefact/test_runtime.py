"""The runtime: what opens and what does not, what a signature says, and a cost curve that noise cannot derail."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from server.artefact.runtime import MOST_ROWS, BadModel, CostCurve, Runtime
from server.artefact.tensors import TensorSpec
from tests.support.server.models import FLOAT, classifier, mixed, onnx_file, plain, row_mixing, table_lookup


def test_a_signature() -> None:
    runtime = Runtime(mixed().data)
    assert runtime.inputs == (
        TensorSpec("city", np.dtype(np.object_), (None, 1)),
        TensorSpec("plan", np.dtype(np.object_), (None, 1)),
        TensorSpec("age", np.dtype(np.float64), (None, 1)),
        TensorSpec("visits", np.dtype(np.int64), (None, 1)),
        TensorSpec("member", np.dtype(np.bool_), (None, 1)),
    )
    assert runtime.outputs == (TensorSpec("value", np.dtype(np.float64), (None, 1)),)
    assert "dynonnx.format" in runtime.metadata


def test_bytes_and_files_open_alike(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(plain().data)
    feed = {"X": np.array(plain().rows, np.float32)}
    (from_file,), (from_bytes,) = Runtime(path).run(["doubled"], feed), Runtime(plain().data).run(["doubled"], feed)
    np.testing.assert_array_equal(from_file, feed["X"] * 2 + 1)
    np.testing.assert_array_equal(from_file, from_bytes)


def test_only_wanted_outputs_are_answered_in_the_wanted_order() -> None:
    runtime = Runtime(classifier().data)
    feed = {"X": np.asarray(classifier().rows)}
    chances, label = runtime.run(["probabilities", "label"], feed)
    np.testing.assert_allclose(chances, classifier().original.predict_proba(classifier().rows))
    assert label.tolist() == classifier().original.predict(classifier().rows).tolist()
    assert len(runtime.run(["label"], feed)) == 1


@pytest.mark.parametrize(
    "data", [b"", b"\x00" * 100, b"not a model", plain().data[:-20], b"\x08\x00\x00\x00ORTM" + b"\x00" * 64]
)
def test_what_is_no_model_does_not_open(data: bytes) -> None:
    with pytest.raises(BadModel):
        Runtime(data)


def test_the_runtimes_own_format_does_not_open(tmp_path: Path) -> None:
    """It is no ONNX file, so nothing that looks into ONNX files would see what is in it."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "m.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(plain().data, options, providers=["CPUExecutionProvider"])
    assert onnxruntime.InferenceSession(tmp_path / "m.ort", providers=["CPUExecutionProvider"]).get_inputs()
    with pytest.raises(BadModel):
        Runtime(tmp_path / "m.ort")


def test_a_file_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Runtime(tmp_path / "m.onnx")
    with pytest.raises(IsADirectoryError):
        Runtime(tmp_path)


def test_what_is_no_tensor_is_not_served() -> None:
    node = helper.make_node("SequenceConstruct", ["X"], ["s"])
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("X", FLOAT, ["N", 2])],
        [helper.make_tensor_sequence_value_info("s", FLOAT, None)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    with pytest.raises(BadModel, match="'s' is a seq"):
        Runtime(model.SerializeToString())


def test_a_zip_map_is_not_served() -> None:
    map_of_floats = helper.make_map_type_proto(TensorProto.STRING, helper.make_tensor_type_proto(FLOAT, []))
    graph = helper.make_graph(
        [helper.make_node("ZipMap", ["X"], ["z"], domain="ai.onnx.ml", classlabels_strings=["a", "b"])],
        "g",
        [helper.make_tensor_value_info("X", FLOAT, ["N", 2])],
        [helper.make_value_info("z", helper.make_sequence_type_proto(map_of_floats))],
    )
    opsets = [helper.make_opsetid("", 19), helper.make_opsetid("ai.onnx.ml", 1)]
    with pytest.raises(BadModel, match="only tensors"):
        Runtime(helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString())


def test_an_unknown_operator_does_not_open() -> None:
    data = onnx_file(
        [onnx.helper.make_node("Magic", ["X"], ["Y"], domain="org.example")],
        [("X", FLOAT, ["N"])],
        [("Y", FLOAT, ["N"])],
    )
    with pytest.raises(BadModel, match=r"Magic|org\.example"):
        Runtime(data)


def test_facts_of_the_runtime_that_the_design_rests_on() -> None:
    """One bad row fails a whole run; a model that mixes rows answers otherwise in company. If this goes red, good."""
    lookup = Runtime(table_lookup().data)
    with pytest.raises(Exception, match="out of"):
        lookup.run(["Y"], {"X": np.array([[1], [10**6], [2]])})
    mixing = Runtime(row_mixing().data)
    rows = np.array([[0, 0], [4, 4]], np.float32)
    (together,) = mixing.run(["Y"], {"X": rows})
    (alone,) = mixing.run(["Y"], {"X": rows[:1]})
    assert together[0].tolist() == [-2, -2]
    assert alone[0].tolist() == [0, 0]


def learned(*runs: tuple[int, float]) -> CostCurve:
    """A curve that has seen these runs."""
    curve = CostCurve()
    for rows, seconds in runs:
        curve.learn(rows, seconds)
    return curve


def test_before_the_first_run_nothing_costs() -> None:
    curve = CostCurve()
    assert curve.seconds(1000) == 0.0
    assert curve.rows_within(0.025) == MOST_ROWS


def test_of_one_size_the_curve_is_flat() -> None:
    curve = learned(*[(16, 0.002)] * 10)
    assert curve.seconds(16) == pytest.approx(0.002)
    assert curve.seconds(1000) == pytest.approx(0.002)
    assert curve.rows_within(0.025) == MOST_ROWS


@given(st.floats(1e-6, 0.1), st.floats(0, 0.01), st.lists(st.integers(1, 2000), min_size=2, max_size=40))
def test_a_straight_cost_is_found(fixed: float, per_row: float, sizes: list[int]) -> None:
    curve = learned(*((rows, fixed + per_row * rows) for rows in sizes))
    for rows in sizes:
        assert curve.seconds(rows) == pytest.approx(fixed + per_row * rows, rel=1e-3)
    if max(sizes) >= 2 * min(sizes):
        assert curve.row_seconds == pytest.approx(per_row, rel=1e-3, abs=1e-6 * fixed)


@given(
    st.lists(st.tuples(st.integers(1, 10**7), st.floats(0, 1e4)), min_size=1, max_size=60),
    st.floats(1e-6, 10),
)
def test_whatever_is_measured_the_curve_stays_usable(runs: list[tuple[int, float]], share: float) -> None:
    curve = learned(*runs)
    assert curve.fixed_seconds >= 0.0
    assert curve.row_seconds >= 0.0
    assert math.isfinite(curve.seconds(10**6))
    assert curve.seconds(10) <= curve.seconds(11)
    rows = curve.rows_within(share)
    assert 1 <= rows <= MOST_ROWS
    if rows > 1:
        assert curve.seconds(rows) <= max(share, 2 * curve.fixed_seconds) * (1 + 1e-6)


@pytest.mark.parametrize("row_seconds", [5e-324, 1e-300, 1e-30])
def test_rows_that_cost_next_to_nothing_do_not_overflow(row_seconds: float) -> None:
    curve = CostCurve()
    curve.row_seconds = row_seconds
    assert curve.rows_within(0.025) == MOST_ROWS


def test_the_curve_survives_thousands_of_equal_runs() -> None:
    """The rows of a steady load hardly vary; what the first sizes taught must not drown in rounding."""
    curve = learned((1, 0.00011), (256, 0.00266))
    for _ in range(20_000):
        curve.learn(22, 0.0001 + 22e-5)
    assert curve.row_seconds == pytest.approx(1e-5, rel=0.01)
    assert curve.fixed_seconds == pytest.approx(1e-4, rel=0.1)


def test_the_curve_follows_a_box_that_becomes_slower() -> None:
    curve = learned(*[(rows, 1e-4 + 1e-5 * rows) for rows in (1, 4, 16, 64, 256)])
    for at in range(400):
        rows = 10 + at % 40
        curve.learn(rows, 2e-4 + 2e-5 * rows)
    assert curve.seconds(30) == pytest.approx(2e-4 + 6e-4, rel=0.05)


def test_a_run_fits_its_share() -> None:
    curve = learned((1, 0.0011), (10, 0.002), (100, 0.011))
    assert curve.rows_within(0.025) == pytest.approx(240, abs=1)


def test_a_model_slow_with_any_number_of_rows_still_shares_its_cost() -> None:
    """30 ms for a run and 10 us for a row: one row a run would answer 33 rows a second instead of thousands."""
    curve = learned((1, 0.03001), (100, 0.031))
    assert curve.rows_within(0.025) == pytest.approx(3000, rel=0.01)
