"""Owns one ONNX Runtime session: opening, input and output specs, running, stopping. Knows no batches and no HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from server.artefact.tensors import TensorSpec
from server.confinement.memory import give_back

LARGE_BYTES = 1 << 17  # of a file: opening it frees several times as much, which the allocator would keep

NUMPY_DTYPES: Mapping[str, np.dtype[Any]] = {
    "tensor(bool)": np.dtype(np.bool_),
    "tensor(int8)": np.dtype(np.int8),
    "tensor(int16)": np.dtype(np.int16),
    "tensor(int32)": np.dtype(np.int32),
    "tensor(int64)": np.dtype(np.int64),
    "tensor(uint8)": np.dtype(np.uint8),
    "tensor(uint16)": np.dtype(np.uint16),
    "tensor(uint32)": np.dtype(np.uint32),
    "tensor(uint64)": np.dtype(np.uint64),
    "tensor(float16)": np.dtype(np.float16),
    "tensor(float)": np.dtype(np.float32),
    "tensor(double)": np.dtype(np.float64),
    "tensor(string)": np.dtype(np.object_),
}

Feed = Mapping[str, np.ndarray[Any, Any]]


class BadModel(ValueError):
    """ONNX Runtime does not open the file, or an input or output is no tensor we serve; the message says why."""


class Runtime:
    """One session of one ONNX file. ``threads``: intra-op threads; with 1 the session survives a fork.

    Raises BadModel.
    """

    def __init__(self, model: Path | bytes, threads: int = 1) -> None:
        data = model if isinstance(model, bytes) else model.read_bytes()
        try:
            self._session = onnxruntime.InferenceSession(data, _options(threads), providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises a dozen unrelated types of its own
            raise BadModel(str(error)) from error
        self._session._model_bytes = None  # it would keep them to open the file anew with other providers
        if len(data) > LARGE_BYTES:
            give_back()
        self.inputs = tuple(_spec(node) for node in self._session.get_inputs())
        self.outputs = tuple(_spec(node) for node in self._session.get_outputs())
        self.metadata: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map
        self._run_options = onnxruntime.RunOptions()

    def run(self, outputs: Sequence[str], feed: Feed) -> list[Any]:
        """Runs the graph once without the GIL; returns one array per name in ``outputs``, in order.

        Raises what ONNX Runtime raises.
        """
        # The C++ session's run, without the Python checks around it, which take a sixth of a small model's time. Load
        # and codecs check the same names and types.
        answers: list[Any] = self._session._sess.run(outputs, feed, self._run_options)
        return answers

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called after the last `resume`."""
        stopped: bool = self._run_options.terminate
        return stopped

    def stop(self) -> None:
        """Ends the run that goes on in another thread, and fails every later one until `resume`.

        ONNX Runtime looks between operators and between the turns of a loop: it does not end one long operator.
        """
        self._run_options.terminate = True

    def resume(self) -> None:
        """Lets runs go on after a `stop`."""
        self._run_options.terminate = False


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # the arena never shrinks; without it memory stays steady
    # It would give every run what the first of its shapes took, beside what it takes itself: that may be all there is.
    options.enable_mem_pattern = False
    options.log_severity_level = 4  # its warnings name no file; errors are raised
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.load_model_format", "ONNX")  # the ORT format would bypass our checks
    return options


def _spec(node: Any) -> TensorSpec:
    if node.type not in NUMPY_DTYPES:
        raise BadModel(f"'{node.name}' is a {node.type}; only tensors of numbers, booleans or strings are served")
    shape = tuple(size if isinstance(size, int) else None for size in node.shape)
    return TensorSpec(node.name, NUMPY_DTYPES[node.type], shape)
