"""Owns the scoring of one batch: rows in, answers and refusals out. Knows no files; a cluster runs it as it is."""

from __future__ import annotations

import selectors
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from score.answers import AnswerColumns
from score.columns import ColumnReader
from score.errors import Refused
from server.artefact.tensors import Array
from server.codecs.refusals import listed
from server.models.files import ChangedMeanwhile
from server.models.folder import VersionFile, scan, version_key
from server.models.loading import load_model
from server.models.repository import Model
from server.models.trial import golden_feed
from server.models.trial_process import FileRefused, TrialProcess, trial_limits

RUN_ROWS = 4096  # of one run: enough to spread its cost, few enough to stay in the caches
NO_REQUEST = 2**31 - 1  # the bounds of requests, of which there are none here


class Scored(NamedTuple):
    """The answers of a batch beside its key columns, and what was refused: row in the batch, its keys, the reason."""

    answers: pa.RecordBatch
    refused: pa.RecordBatch


def find_model(folder: Path, name: str | None, version: str | None) -> VersionFile:
    """The file that the server would serve under a name; the only one without. Raises Refused."""
    listing = scan(folder)
    names = sorted({file.name for file in listing.files})
    if not names:
        raise Refused(f"{folder} holds no model: convert one, or name another folder with --models")
    if name is None and len(names) > 1:
        raise Refused(f"{folder} holds several models: name one with --model: {', '.join(names)}")
    wanted = name or names[0]
    versions = [file for file in listing.files if file.name == wanted and version in (None, file.version)]
    if not versions:
        known = ", ".join(f"{file.name} {file.version}" for file in listing.files)
        raise Refused(f"{folder} holds no {wanted}{f' {version}' if version else ''}; there is {known}")
    return max(versions, key=lambda file: version_key(file.version))


def loader(threads: int) -> Callable[..., Model]:
    """`load_model` as scoring has it. ``threads``: of a run."""
    return partial(
        load_model,
        max_rows=NO_REQUEST,
        max_batch_rows=RUN_ROWS,
        max_body_bytes=NO_REQUEST,
        ort_threads=threads,
        batch="proven",
    )


def open_model(file: VersionFile, threads: int) -> Model:
    """Tries a file in a confined child, as the server does, and opens it. Raises Refused."""
    load = loader(threads)
    try:
        trial = TrialProcess(load, file, trial_limits(file.path.stat().st_size, None))
        with selectors.DefaultSelector() as selector:
            selector.register(trial.fileno(), selectors.EVENT_READ)
            while (model := trial.collect()) is None:
                selector.select(0.1)
    except (FileRefused, ChangedMeanwhile, OSError) as error:
        raise Refused(f"{file.path}{error}") from None
    if model.artefact is None:
        raise Refused(f"{file.path} names no features: score files that convert wrote")
    if not model.verdict.row_independent:
        raise Refused(f"{file.path}: its rows influence each other, so that the answers would depend on the batches")
    return model


class Scorer:
    """Scores batches with one model. ``keys``: columns that answers and refusals bear as well."""

    def __init__(self, model: Model, keys: Sequence[str], *, texts: bool, probabilities: bool) -> None:
        if model.artefact is None:
            raise Refused("the file names no features")
        self._run = model.runtime.run
        self._keys = list(keys)
        self.texts, self.probabilities = texts, probabilities
        self._reader = ColumnReader(model.artefact.features, texts)
        self._answers = AnswerColumns(model.artefact, probabilities)
        golden = self._answers.columns(self._run(self._answers.outputs, golden_feed(model.artefact)))
        self._schema = pa.schema([(name, array.type) for name, array in golden])
        clash = next((name for name in keys if name in self._schema.names), None)
        if clash is not None:
            raise Refused(f"the key '{clash}' is the name of an answer: rename the column")

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that answers bear as well."""
        return tuple(self._keys)

    @property
    def columns(self) -> list[str]:
        """The columns that are read of a table: keys and features."""
        return list(dict.fromkeys([*self._keys, *self._reader.names]))

    def check(self, schema: pa.Schema) -> None:
        """Raises Refused for a table that lacks a key or does not fit the features."""
        missing = [name for name in self._keys if name not in schema.names]
        if missing:
            raise Refused(f"the table lacks the key '{missing[0]}'; it has {listed(schema.names)}")
        for key in self._keys:
            if pa.types.is_nested(schema.field(key).type):
                raise Refused(f"the key '{key}' is {schema.field(key).type}: a key is one value in each row")
        self._reader.check(schema)

    def score(self, batch: pa.RecordBatch) -> Scored:
        """Scores the rows of a batch whose schema was checked."""
        rows = self._reader.read(batch)
        keys = batch.select(self._keys)
        taken = keys.filter(pa.array(rows.taken)) if rows.refused else keys
        answers = self._answers_of(rows.feed, int(rows.taken.sum()))
        at = pa.array([refusal.row for refusal in rows.refused], pa.int64())
        reasons = pa.array([refusal.reason for refusal in rows.refused], pa.string())
        return Scored(
            pa.RecordBatch.from_arrays([*taken.columns, *answers.columns], [*self._keys, *answers.schema.names]),
            pa.RecordBatch.from_arrays(
                [at, *(column.take(at) for column in keys.columns), reasons], ["row", *self._keys, "reason"]
            ),
        )

    def _answers_of(self, feed: Mapping[str, Array], rows: int) -> pa.RecordBatch:
        if not rows:
            return pa.RecordBatch.from_pylist([], self._schema)
        runs = [
            self._run(self._answers.outputs, {name: array[start : start + RUN_ROWS] for name, array in feed.items()})
            for start in range(0, rows, RUN_ROWS)
        ]
        outputs = [np.concatenate(parts) for parts in zip(*runs, strict=True)] if len(runs) > 1 else runs[0]
        return pa.RecordBatch.from_arrays([array for _, array in self._answers.columns(outputs)], schema=self._schema)
