"""Random questions to a model in every protocol and form, drawn from few values so that many come again."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
import orjson

from server.artefact.metadata import Feature
from server.artefact.tensors import TensorSpec
from server.batching.entry import Entry, PiecedAnswer
from server.codecs.predict import features_of_signature
from server.endpoints.serving import ProtocolName
from server.errors import ServerError
from server.models.repository import Model
from tests.support.server.v2 import NAMES, to_bytes

NUMBERS = (0.0, -0.0, 0, 1, 1.0, 5e-324, 2.5)
TEXTS = ("", "a", "b", "ab", "Zürich", "\U0001f600")
SIZES = ((1, 2, 3), (1, 3, 2), (1, 6, 1), (2, 1, 3))  # of open dimensions, rows first
Headers = list[tuple[bytes, bytes]]


class Question(NamedTuple):
    """One request: its protocol, headers and body."""

    protocol: ProtocolName
    headers: Headers
    body: bytes


class Heard(Entry):
    """A request whose outcome is kept: the whole answer as bytes with its media type and headers, or the error."""

    def __init__(self, told: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.deadline, self.arrived = 1e12, 0.0
        self.outcome: Any = None
        self._told = told

    def answer(self, body: bytes) -> None:
        self._keep((b"application/json", (), body))

    def answer_in_pieces(self, answer: PiecedAnswer) -> None:
        self._keep((answer.media_type, tuple(answer.headers), b"".join(answer.pieces)))

    def refuse(self, error: ServerError) -> None:
        self._keep((error.code, str(error)))

    def _keep(self, outcome: Any) -> None:
        assert self.outcome is None, "answered twice"
        self.outcome = outcome
        self._told()


class Questions:
    """Draws questions to one model. ``few``: how many distinct rows there are."""

    def __init__(self, model: Model, seed: int, few: int = 12) -> None:
        self._chance = random.Random(seed)
        self._model = model
        artefact = model.artefact
        self._features: tuple[Feature, ...] = ()
        if model.predict is not None:
            self._features = artefact.features if artefact else features_of_signature(model.runtime.inputs)
        golden = artefact.golden.rows if artefact else ()
        self._rows = [[self._value(at, golden) for at in range(len(self._features))] for _ in range(few)]

    def draw(self) -> Question:
        """One question."""
        if not self._features or self._chance.random() < 0.25:
            return self._v2()
        return self._mlflow() if self._chance.random() < 0.3 else self._predict()

    def _value(self, at: int, golden: Sequence[Sequence[Any]]) -> Any:
        feature, chance = self._features[at], self._chance
        if feature.nullable and chance.random() < 0.2:
            return None
        if feature.categories is not None:
            return chance.choice(list(feature.categories))
        pool: list[Any] = [row[at] for row in golden if row[at] is not None]
        if feature.dtype in ("float64", "float32"):
            pool += NUMBERS
        elif feature.dtype == "string":
            pool += TEXTS
        elif feature.dtype == "bool":
            pool += [True, False]
        else:
            pool += [0, 1, -1]
        return chance.choice(pool)

    def _some_rows(self) -> list[list[Any]]:
        return [self._chance.choice(self._rows) for _ in range(self._chance.choice([1, 1, 1, 2, 3]))]

    def _named(self, row: Sequence[Any]) -> dict[str, Any]:
        pairs = list(zip([feature.name for feature in self._features], row, strict=True))
        self._chance.shuffle(pairs)
        return dict(pairs)

    def _predict(self) -> Question:
        rows = self._some_rows()
        written: list[Any] = [self._named(row) if self._chance.random() < 0.4 else row for row in rows]
        features = written[0] if len(written) == 1 and self._chance.random() < 0.7 else written
        body: dict[str, Any] = {"features": features}
        if self._chance.random() < 0.2:
            body["probabilities"] = self._chance.choice([True, False])
        return Question("predict", [(b"content-type", b"application/json")], orjson.dumps(body))

    def _mlflow(self) -> Question:
        rows = self._some_rows()
        names = [feature.name for feature in self._features]
        body: Any = self._chance.choice(
            [
                {"dataframe_split": {"columns": names, "data": rows}},
                {"dataframe_records": [self._named(row) for row in rows]},
                {"instances": rows},
            ]
        )
        return Question("mlflow", [(b"content-type", b"application/json")], orjson.dumps(body))

    def _array(self, spec: TensorSpec, sizes: Sequence[int]) -> Any:
        """Values for one input, of these sizes where its shape is open; often all the same."""
        opens = iter(sizes)
        shape = [next(opens) if size is None else size for size in spec.shape]
        pool: Sequence[Any] = TEXTS if spec.dtype.kind == "O" else (0, 1)
        few = self._chance.choices(pool, k=self._chance.choice((1, len(pool))))
        drawn = np.array([self._chance.choice(few) for _ in range(prod(shape))], np.object_)
        return drawn.reshape(shape).astype(spec.dtype)

    def _v2(self) -> Question:
        chance, model = self._chance, self._model
        sizes = chance.choice(SIZES)
        inputs: list[dict[str, Any]] = []
        binary = b""
        for spec in model.runtime.inputs:
            array = self._array(spec, sizes)
            described: dict[str, Any] = {
                "name": spec.name,
                "shape": list(array.shape),
                "datatype": NAMES[spec.dtype.name],
            }
            if chance.random() < 0.5:
                data = to_bytes(array)
                described["parameters"] = {"binary_data_size": len(data)}
                binary += data
            else:
                described["data"] = array.reshape(-1).tolist()
            inputs.append(described)
        body: dict[str, Any] = {"inputs": inputs}
        if chance.random() < 0.5:
            body["id"] = chance.choice(["", "x", "another", "\U0001f600"])
        if chance.random() < 0.3:
            body["parameters"] = {"binary_data_output": chance.random() < 0.5, "other": chance.random()}
        if chance.random() < 0.4:
            body["outputs"] = self._outputs()
        json = orjson.dumps(body)
        headers: Headers = [(b"inference-header-content-length", b"%d" % len(json))] if binary else []
        if chance.random() < 0.2:
            headers.append((b"accept-encoding", chance.choice([b"gzip", b"deflate"])))
        return Question("v2", headers, json + binary)

    def _outputs(self) -> list[dict[str, Any]]:
        outputs = list(self._model.runtime.outputs)
        self._chance.shuffle(outputs)
        wanted: list[dict[str, Any]] = []
        for spec in outputs[: self._chance.randint(1, len(outputs))]:
            parameters: dict[str, Any] = {}
            if self._chance.random() < 0.5:
                parameters["binary_data"] = self._chance.random() < 0.5
            if spec.dtype.kind in "iuf" and self._chance.random() < 0.3:
                parameters["classification"] = self._chance.choice([1, 2])
            wanted.append({"name": spec.name, "parameters": parameters})
        return wanted
