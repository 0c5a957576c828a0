"""Owns requests and their right answers, computed by the pickle itself. Knows nothing of servers.

Opening a pickle runs it: only those that the examples made, or that their owner names, are opened here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from bench.errors import BenchError

TOLERANCE = 1e-5  # of the expected value, or of 1 where that is smaller


@dataclass(frozen=True, slots=True)
class Case:
    """One request and the keys its answer must have; ``versions`` holds those of other versions of the model.

    ``headers``: beside those that every request of JSON has.
    """

    path: str
    body: bytes
    expected: Mapping[str, Any]
    versions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def fault(self, status: int, body: bytes) -> str | None:
        """What is wrong with an answer, in a few words fit for counting; None when it is right.

        Keys beyond the expected ones are allowed: an answer may say more. Where the answer names one of ``versions`` as
        its ``model_version``, what stands there is expected instead.
        """
        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError:
            return "wrong answer: not JSON" if status == 200 else f"http {status}"
        if status != 200:
            code = answer.get("code") if isinstance(answer, dict) else None
            return f"http {status} {code}" if isinstance(code, str) else f"http {status}"
        if not isinstance(answer, dict):
            return "wrong answer: not an object"
        for key, value in self.versions.get(str(answer.get("model_version")), self.expected).items():
            if key not in answer:
                return f"wrong answer: no {key}"
            if not same(value, answer[key]):
                return f"wrong answer: {key}"
        return None


def same(expected: object, got: object) -> bool:
    """Equal in type, length, order and keys; numbers with a fraction to ``TOLERANCE``."""
    if isinstance(expected, float):
        is_number = isinstance(got, int | float) and not isinstance(got, bool)
        return is_number and abs(expected - got) <= TOLERANCE * max(abs(expected), 1.0)  # type: ignore[operator]
    if isinstance(expected, list) and isinstance(got, list):
        return len(expected) == len(got) and all(map(same, expected, got))
    if isinstance(expected, dict) and isinstance(got, dict):
        return expected.keys() == got.keys() and all(same(value, got[key]) for key, value in expected.items())
    return type(expected) is type(got) and expected == got


def expected_answer(model: Any, rows: Sequence[Sequence[Any]], *, single: bool) -> dict[str, Any]:
    """What a right server answers to ``rows``: lists, or bare values where ``single``."""
    table = as_table(model, rows)
    predictions = model.predict(table).tolist()
    answer: dict[str, Any] = {"prediction": predictions}
    if hasattr(model, "predict_proba"):
        probabilities = model.predict_proba(table)
        columns = {label: column for column, label in enumerate(model.classes_.tolist())}
        chosen = [columns[label] for label in predictions]
        answer["probability"] = probabilities[np.arange(len(rows)), chosen].tolist()
    return {key: values[0] for key, values in answer.items()} if single else answer


def as_table(model: Any, rows: Sequence[Sequence[Any]]) -> Any:
    """Rows in the form the model was fitted on: a DataFrame where it knows its columns' names."""
    names = getattr(model, "feature_names_in_", None)
    if names is None:
        return np.asarray(rows)
    import pandas as pd

    cells = [[np.nan if cell is None else cell for cell in row] for row in rows]
    return pd.DataFrame(cells, columns=list(names))


def make_cases(model: Any, rows: Sequence[Sequence[Any]], path: str = "/predict", rows_each: int = 0) -> list[Case]:
    """One case per row, or per ``rows_each`` rows where that is above 0 (the answer then holds lists)."""
    single, step = rows_each == 0, max(1, rows_each)
    cases = []
    for at in range(0, len(rows) - step + 1, step):
        group = rows[at : at + step]
        body = orjson.dumps({"features": group[0] if single else group}, option=orjson.OPT_SERIALIZE_NUMPY)
        cases.append(Case(path, body, expected_answer(model, group, single=single)))
    return cases


def load_model(pickle: Path) -> Any:
    """The estimator in a pickle or joblib file. Raises BenchError where there is none."""
    import joblib

    try:
        return joblib.load(pickle)
    except FileNotFoundError:
        raise BenchError(f"no pickle at {pickle}; `make models` makes the examples") from None


def write_cases(cases: Sequence[Case], file: Path) -> None:
    """As JSON, one object a case."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([asdict(case) | {"body": case.body.decode()} for case in cases]), "utf-8")


def read_cases(file: Path) -> list[Case]:
    """The inverse of :func:`write_cases`. Raises BenchError for an empty file: nothing would be checked."""
    cases = [Case(**said | {"body": said["body"].encode()}) for said in json.loads(file.read_text("utf-8"))]
    if not cases:
        raise BenchError(f"{file} holds no case")
    return cases
