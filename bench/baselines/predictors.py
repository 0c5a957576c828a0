"""Owns how a baseline asks a model: rows in, predictions and highest probabilities out. Knows nothing of HTTP.

numpy alone is imported at the top: each program imports only what it needs, its memory is measured.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import onnxruntime as ort

DTYPES = {"tensor(double)": "f8", "tensor(float)": "f4", "tensor(int64)": "i8", "tensor(bool)": "?"}
Predict = Callable[[list[Any]], tuple[list[Any], list[float] | None]]  # rows to predictions and highest probabilities


def open_session(model_file: Path) -> ort.InferenceSession:
    """One session with one thread, as one dyno has about one core."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return ort.InferenceSession(model_file, options, providers=["CPUExecutionProvider"])


def feeder(session: ort.InferenceSession) -> Callable[[list[Any]], dict[str, Any]]:
    """A function from rows to the session's inputs: one matrix, or a matrix per dtype of a mixed table."""
    dtypes = {each.name: DTYPES.get(each.type, object) for each in session.get_inputs()}
    if len(dtypes) == 1:
        ((only, dtype),) = dtypes.items()
        return lambda rows: {only: np.array(rows, dtype)}
    columns: dict[str, list[int]] = {name: [] for name in dtypes}  # which of a row's cells make up each input
    for at, feature in enumerate(json.loads(session.get_modelmeta().custom_metadata_map["dynonnx.features"])):
        columns[feature["input"]].append(at)

    def feed(rows: list[Any]) -> dict[str, Any]:
        return {name: np.array([[row[at] for at in columns[name]] for row in rows], dtypes[name]) for name in dtypes}

    return feed


def onnx_predictor(artefact: Path) -> Predict:
    """One ONNX Runtime ``run`` per request, on the artefact that dynonnx serves: both do the same arithmetic."""
    session = open_session(artefact)
    feed = feeder(session)

    def predict(rows: list[Any]) -> tuple[list[Any], list[float] | None]:
        label, *others = session.run(None, feed(rows))
        return label.reshape(len(rows)).tolist(), others[0].max(axis=1).tolist() if others else None

    return predict


def pickle_predictor(pickle: Path) -> Predict:
    """The pickle, given what it can be given without ceasing to be the server that tutorials show.

    Rows go to scikit-learn as an array, not as a DataFrame, where all columns are numbers (a DataFrame costs more than
    the prediction), and scikit-learn's warning about the missing names is off.
    """
    import joblib
    import pandas

    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    model = joblib.load(pickle)
    names = list(model.feature_names_in_)

    def predict(rows: list[Any]) -> tuple[list[Any], list[float] | None]:
        table = np.array(rows)
        if table.dtype.kind != "f":
            cells = [[np.nan if cell is None else cell for cell in row] for row in rows]
            table = pandas.DataFrame(cells, columns=names)
        predictions = model.predict(table).tolist()
        if not hasattr(model, "predict_proba"):
            return predictions, None
        return predictions, model.predict_proba(table).max(axis=1).tolist()

    return predict
