"""The runtime: what opens and what does not, what a signature says, and a cost curve that noise cannot derail."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from server.artefact import runtime
from server.artefact.runtime import BadModel, Runtime
from server.artefact.tensors import TensorSpec
from server.confinement.memory import give_back
from tests.support.models.endless_models import filling
from tests.support.server.models import FLOAT, classifier, mixed, onnx_file, plain, row_mixing, table_lookup

ROOT = Path(__file__).parents[3]


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


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits private memory")
def test_a_run_takes_nothing_for_what_another_of_its_shape_took(tmp_path: Path) -> None:
    """A client's number made the first run large: in a box that holds it once, no smaller one found room beside it."""
    (tmp_path / "m.onnx").write_bytes(filling().data)
    code = """
import pathlib, sys
import numpy
from server.artefact.runtime import Runtime
from server.confinement.memory import leave_some
runtime = Runtime(pathlib.Path(sys.argv[1]))
leave_some(0)  # and 64 MB
for megabytes in (50, 40, 45, 0):
    runtime.run(["Y"], {"X": numpy.array([[megabytes << 18]], numpy.float32)})
print("answered")
"""
    command = [sys.executable, "-c", code, str(tmp_path / "m.onnx")]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout == "answered\n"


def test_bytes_and_files_open_alike(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(plain().data)
    feed = {"X": np.array(plain().rows, np.float32)}
    (from_file,), (from_bytes,) = Runtime(path).run(["doubled"], feed), Runtime(plain().data).run(["doubled"], feed)
    np.testing.assert_array_equal(from_file, feed["X"] * 2 + 1)
    np.testing.assert_array_equal(from_file, from_bytes)


def test_what_opening_a_large_file_freed_goes_back_to_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """A forest of 35 MB stayed at 442 MB, of which 198 are in use; the file's own bytes were among them."""
    given: list[int] = []
    monkeypatch.setattr(runtime, "give_back", lambda: given.append(1))
    opened = Runtime(plain().data)
    assert opened._session._model_bytes is None
    assert not given
    monkeypatch.setattr(runtime, "LARGE_BYTES", 10)
    Runtime(plain().data)
    assert given == [1]
    give_back()


def test_only_wanted_outputs_are_answered_in_the_wanted_order() -> None:
    runtime = Runtime(classifier().data)
    feed = {"X": np.asarray(classifier().rows)}
    probabilities, label = runtime.run(["probabilities", "label"], feed)
    np.testing.assert_allclose(probabilities, classifier().original.predict_proba(classifier().rows))
    assert label.tolist() == classifier().original.predict(classifier().rows).tolist()
    assert len(runtime.run(["label"], feed)) == 1


@pytest.mark.parametrize(
    "data", [b"", b"\x00" * 100, b"not a model", plain().data[:-20], b"\x08\x00\x00\x00ORTM" + b"\x00" * 64]
)
def test_what_is_no_model_does_not_open(data: bytes) -> None:
    with pytest.raises(BadModel):
        Runtime(data)


@pytest.mark.fault(48)
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


@pytest.mark.fault(51)
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
