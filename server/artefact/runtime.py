"""Owns one ONNX Runtime session: how it opens, what it takes and gives, how it runs and what that costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from server.artefact.tensors import TensorSpec

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

MOST_ROWS = 1 << 30  # stands for "no limit" where rows cost nothing

Feed = Mapping[str, np.ndarray[Any, Any]]


class BadModel(ValueError):
    """ONNX Runtime does not open the file, or its signature is one we do not serve; the message says why."""


class Runtime:
    """One session over one ONNX file.

    ``threads`` is ONNX Runtime's intra-op count; with 1 the session survives a fork. Raises BadModel.
    """

    def __init__(self, model: Path | bytes, threads: int = 1) -> None:
        data = model if isinstance(model, bytes) else model.read_bytes()
        try:
            self._session = onnxruntime.InferenceSession(data, _options(threads), providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises a dozen unrelated types of its own
            raise BadModel(str(error)) from error
        self.inputs = tuple(_spec(node) for node in self._session.get_inputs())
        self.outputs = tuple(_spec(node) for node in self._session.get_outputs())
        self.metadata: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map

    def run(self, outputs: Sequence[str], feed: Feed) -> list[Any]:
        """Runs the graph once; answers one array per wanted output, in that order. Releases the GIL meanwhile."""
        # The session's own run, without the checks in Python round it: a sixth of the time of a small model. What they
        # check, names and types, is checked at load and by the codecs.
        answers: list[Any] = self._session._sess.run(outputs, feed, None)
        return answers


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # the arena keeps its high-water mark for ever; without it memory stays steady
    options.log_severity_level = 4  # its warnings name no file; what matters reaches us as an exception
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.load_model_format", "ONNX")  # ORT's own format would pass checks unseen
    return options


def _spec(node: Any) -> TensorSpec:
    if node.type not in NUMPY_DTYPES:
        raise BadModel(f"'{node.name}' is a {node.type}; only tensors of numbers, booleans or strings are served")
    shape = tuple(size if isinstance(size, int) else None for size in node.shape)
    return TensorSpec(node.name, NUMPY_DTYPES[node.type], shape)


class CostCurve:
    """What a run costs, ``a + b * rows`` seconds, learned from the runs themselves by weighted least squares.

    Old runs fade, so the curve follows a box whose speed changes. Before the first two sizes are seen it is flat.
    """

    FADE = 0.98  # weight of a run after each further one: the last 50 or so decide

    def __init__(self) -> None:
        self._weight = self._rows = self._rows2 = self._seconds = self._rows_seconds = 0.0
        self.fixed_seconds = 0.0
        self.row_seconds = 0.0

    def state(self) -> dict[str, float]:
        """All that was learned, to be given to `restored` in another process."""
        return dict(vars(self))

    @classmethod
    def restored(cls, state: Mapping[str, float]) -> CostCurve:
        """The curve whose `state` this was."""
        curve = cls()
        vars(curve).update(state)
        return curve

    def learn(self, rows: int, seconds: float) -> None:
        """Adds one run."""
        fade = self.FADE
        self._weight = self._weight * fade + 1.0
        self._rows = self._rows * fade + rows
        self._rows2 = self._rows2 * fade + rows * rows
        self._seconds = self._seconds * fade + seconds
        self._rows_seconds = self._rows_seconds * fade + rows * seconds
        self._fit()

    def _fit(self) -> None:
        mean_rows, mean_seconds = self._rows / self._weight, self._seconds / self._weight
        spread = self._rows2 / self._weight - mean_rows * mean_rows
        slope = self.row_seconds
        if spread > 1e-9 * mean_rows * mean_rows + 1e-12:
            slope = (self._rows_seconds / self._weight - mean_rows * mean_seconds) / spread
        # Neither part of a cost is negative; what noise would make so is given to the other part.
        self.row_seconds = min(max(slope, 0.0), mean_seconds / mean_rows)
        self.fixed_seconds = max(mean_seconds - self.row_seconds * mean_rows, 0.0)

    def seconds(self, rows: int) -> float:
        """What a run of so many rows is expected to take."""
        return self.fixed_seconds + self.row_seconds * rows

    def rows_within(self, seconds: float) -> int:
        """The most rows whose run is expected to end within ``seconds``, or to take twice its fixed part; at least 1.

        A run that is slow however few rows it has gets not faster with one: it may double, so that many share its cost.
        """
        budget = max(seconds - self.fixed_seconds, self.fixed_seconds)
        if budget >= self.row_seconds * MOST_ROWS:
            return MOST_ROWS
        return max(1, int(budget / self.row_seconds))
