"""Owns the scoring of stretches by the tasks of a Ray cluster, and again where a node is lost. Knows no tables.

A task does what this process would do, by the same function: a part is there whole or not at all, and when a task runs
twice it writes the same bytes under the same name. So every row is answered once, whatever dies.
"""

from __future__ import annotations

import functools
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy
import onnxruntime
import pyarrow
import ray
from ray.exceptions import RayError, RayTaskError

import score
import server
from score.engines.parts import Done, Stretch, TellStretch, score_stretch
from score.errors import Refused
from score.reading.source import count_rows
from score.scorer import Scorer, loader
from score.sink import UNFINISHED
from server.models.folder import VersionFile
from server.models.loading import Given, read_whole
from server.models.repository import Model
from server.models.trial import Findings

RETRIES = 5  # of a task whose process or node is lost


class Shipment(NamedTuple):
    """What a task needs to score as this process does: the file as it was tried here, never another with its name."""

    file: VersionFile
    data: bytes
    findings: bytes
    keys: tuple[str, ...]
    texts: bool
    probabilities: bool
    threads: int
    libraries: tuple[str, ...]  # whose answers a task's must be equal to, to the bit

    @classmethod
    def of(cls, file: VersionFile, model: Model, scorer: Scorer, threads: int) -> Self:
        """That of a model which was tried. Raises Refused if its file has changed since."""
        return cls(
            file,
            read_whole(file).data,
            model.findings().to_bytes(),
            scorer.keys,
            scorer.texts,
            scorer.probabilities,
            threads,
            _libraries(),
        )


def score_on_ray(
    shipment: Shipment, stretches: Sequence[Stretch], tell: TellStretch
) -> Iterator[tuple[int, Done | None]]:
    """Scores stretches by the cluster's tasks, as many at once as it has processors for. Yields as `score_stretches`,
    in the same order. Raises Refused."""
    _join()
    shared = ray.put(shipment)
    task: Any = ray.remote(_score).options(
        num_cpus=shipment.threads, max_retries=RETRIES, num_returns="streaming", name="score"
    )
    begun = [[task.remote(shared, piece) for piece in _divide(stretch)] for stretch in stretches]
    try:
        for at, streams in enumerate(begun):
            for reference in (reference for stream in streams for reference in stream):
                done: Done = ray.get(reference)
                tell(at, done.share, done.rows, done.refused)
                yield at, done
            yield at, None
    except RayTaskError as error:
        cause = error.cause
        raise Refused(str(cause) if isinstance(cause, Refused) else f"a task failed: {cause!r}") from None
    except RayError as error:
        raise Refused(f"the cluster gave up a part, those that are whole stay: {error}") from None
    finally:
        for stream in (stream for streams in begun for stream in streams):
            ray.cancel(stream, force=True)
        _sweep(stretches)


def _join() -> None:
    """Connects to the cluster of RAY_ADDRESS, else to the one of this machine, else starts one here."""
    if not ray.is_initialized():
        modules = [str(Path(package.__path__[0])) for package in (score, server)]
        ray.init(runtime_env={"py_modules": modules}, log_to_driver=False, logging_level="error")


def _divide(stretch: Stretch) -> Iterator[Stretch]:
    """What a task does: a part, or of CSV, where each part is found only by reading all before, the whole stretch."""
    rows = count_rows(stretch.file)
    if rows is None:
        yield stretch
        return
    for number in range(stretch.first, -(-rows // stretch.part_rows)):
        yield replace(stretch, first=number, last=number)


def _score(shipment: Shipment, stretch: Stretch) -> Iterator[Done]:
    """The task: yields each part that is whole."""
    if shipment.libraries != _libraries():
        raise Refused(f"a node has {_libraries()}, not {shipment.libraries}: its answers could differ")
    yield from score_stretch(stretch, _opened(shipment), f".{uuid.uuid4().hex}", lambda *_: None)


@functools.lru_cache(1)
def _opened(shipment: Shipment) -> Scorer:
    """A task's process opens a model once."""
    model = loader(shipment.threads)(
        shipment.file, Findings.from_bytes(shipment.findings), given=Given(shipment.data, None)
    )
    return Scorer(model, shipment.keys, texts=shipment.texts, probabilities=shipment.probabilities)


def _libraries() -> tuple[str, ...]:
    return tuple(f"{library.__name__} {library.__version__}" for library in (onnxruntime, numpy, pyarrow))


def _sweep(stretches: Sequence[Stretch]) -> None:
    """Removes what tasks that were lost have left half-written."""
    for folder in {stretch.out for stretch in stretches}:
        for path in folder.glob(f"*{UNFINISHED}"):
            path.unlink(missing_ok=True)
