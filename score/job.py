"""Owns one scoring from tables to tables: parts in order, none twice, on after an interruption. Prints nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from score.engines.parts import Done, Stretch, TellStretch, score_stretches, write
from score.errors import Refused
from score.reading import source
from score.scorer import Scorer, find_model, open_model
from score.sink import Part
from score.state import State
from score.wanted import SUFFIXES, Job
from server.codecs.refusals import listed
from server.confinement.memory import memory_limit
from server.models.folder import VersionFile
from server.models.repository import Model

# What scoring may take beside the model, where a file is not what it says of itself; usually that is a tenth.
ROOM_BYTES = 3 << 30
MAX_PARTS = 100_000  # of a file, which may claim any number of rows
Engine = Callable[[Sequence[Stretch], TellStretch], Iterator[tuple[int, Done | None]]]  # `score_stretches` and its like
Tell = Callable[[str, float, int, int], None]  # the file, how much of all is done, rows, refused rows


@dataclass(slots=True)
class Summary:
    """What came of it. ``unread``: columns that are neither features nor keys; ``resumed``: rows of an earlier run."""

    model: str
    rows: int = 0
    refused: int = 0
    resumed: int = 0
    unread: tuple[str, ...] = ()

    def lines(self, seconds: float) -> Iterator[str]:
        """What a person reads at the end of so many seconds."""
        new = self.rows + self.refused - self.resumed
        yield f"{self.model}: {self.rows:,} rows answered, {self.refused:,} refused"
        if self.resumed:
            yield f"{self.resumed:,} of them in an earlier run"
        yield f"{new:,} rows in {seconds:.1f} s, {new / max(seconds, 1e-9):,.0f} rows/s"
        if self.unread:
            yield f"not read: {listed(self.unread)}"

    def add(self, rows: int, refused: int) -> None:
        """Counts rows, and such as were refused."""
        self.rows += rows
        self.refused += refused


def run(job: Job, tell: Tell) -> Summary:
    """Scores every row. Raises Refused; parts that are whole stay, and the same command goes on behind them."""
    files = source.find(job.source)
    to_file = job.out.suffix in SUFFIXES
    if to_file and job.engine == "ray":
        raise Refused(f"--engine ray writes parts: name a folder instead of {job.out}")
    if to_file and job.out.exists() and not job.replace:
        raise Refused(f"{job.out} exists; --replace overwrites it")
    version = find_model(job.models, job.model, job.version)
    model = open_model(version, job.threads)
    try:
        with memory_limit(ROOM_BYTES) if job.engine == "local" else nullcontext():  # Ray's processes would inherit it
            return _score(job, files, version, model, tell)
    except MemoryError:
        raise Refused(
            f"{job.source}: these rows take more than the {ROOM_BYTES >> 30} GB that there are for them"
        ) from None


def _score(job: Job, files: Sequence[Path], version: VersionFile, model: Model, tell: Tell) -> Summary:
    scorer = Scorer(model, job.keys, texts=files[0].suffix == ".csv", probabilities=job.probabilities)
    schemas = [source.schema_of(file) for file in files]
    for file, schema in zip(files, schemas, strict=True):
        try:
            scorer.check(schema)
        except Refused as refusal:
            raise Refused(f"{file}: {refusal}") from None
    if job.out.suffix in SUFFIXES:
        _check_alike(files, schemas, job.keys)
    summary = Summary(f"{model.name} {model.version}")
    summary.unread = tuple(dict.fromkeys(n for schema in schemas for n in schema.names if n not in scorer.columns))
    if job.out.suffix in SUFFIXES:
        _score_to_file(job, files, scorer, summary, tell)
    else:
        engine = _engine(job, version, model, scorer)
        _score_to_folder(job, files, engine, _state_of(job, files, model), summary, tell)
    return summary


def _check_alike(files: Sequence[Path], schemas: Sequence[pa.Schema], keys: Sequence[str]) -> None:
    """Raises Refused where one column cannot hold a key of all files."""
    for key in keys:
        first, *others = [schema.field(key).type for schema in schemas]
        for file, other in zip(files[1:], others, strict=True):
            if other != first:
                raise Refused(
                    f"the key '{key}' is {first} in {files[0]} and {other} in {file}: name a folder, or cast it"
                )


def _engine(job: Job, version: VersionFile, model: Model, scorer: Scorer) -> Engine:
    if job.engine == "local":
        return partial(score_stretches, scorer)
    try:  # Ray is installed for this alone
        from score.engines.cluster import Shipment, score_on_ray
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise Refused("--engine ray needs Ray: python -m pip install -r requirements-ray.txt") from None
    return partial(score_on_ray, Shipment.of(version, model, scorer, job.threads))


def _score_to_file(job: Job, files: Sequence[Path], scorer: Scorer, summary: Summary, tell: Tell) -> None:
    job.out.parent.mkdir(parents=True, exist_ok=True)
    with Part(job.out) as part:
        for at, file in enumerate(files):
            for piece in source.read(file, scorer.columns, 0):
                summary.add(*write(part, scorer, piece))
                tell(file.name, (at + piece.share) / len(files), summary.rows, summary.refused)
        if not summary.rows + summary.refused:
            schema = source.schema_of(files[0])
            nothing = pa.RecordBatch.from_pylist([], pa.schema([schema.field(name) for name in scorer.columns]))
            summary.add(*write(part, scorer, source.Piece(np.arange(0), nothing, 1.0)))
        part.finish()


def _state_of(job: Job, files: Sequence[Path], model: Model) -> State:
    stats = [file.stat() for file in files]
    described: dict[str, Any] = {
        "model_sha256": model.sha256,
        "files": [[str(file), stat.st_size, stat.st_mtime_ns] for file, stat in zip(files, stats, strict=True)],
        "keys": list(job.keys),
        "probabilities": job.probabilities,
        "part_rows": job.part_rows,
    }
    return State(job.out, described, replace=job.replace)


def _score_to_folder(
    job: Job, files: Sequence[Path], engine: Engine, state: State, summary: Summary, tell: Tell
) -> None:
    names = _part_names(files)
    for file in files:
        if (rows := source.count_rows(file)) is not None and rows > MAX_PARTS * job.part_rows:
            raise Refused(f"{file}: {rows:,} rows are more than {MAX_PARTS:,} parts; a larger --part-rows makes fewer")
    for rows, refused in state.counts():
        summary.resumed += rows + refused
        summary.add(rows, refused)
    waiting = [at for at, file in enumerate(files) if not state.is_finished(file)]

    def tell_all(which: int, share: float, rows: int, refused: int) -> None:
        at = waiting[which]
        summary.add(rows, refused)
        tell(files[at].name, (at + share) / len(files), summary.rows, summary.refused)

    out = job.out.absolute()
    stretches = [Stretch(files[at].absolute(), out, names[at], job.part_rows, state.parts(files[at])) for at in waiting]
    for which, done in engine(stretches, tell_all):
        file = files[waiting[which]]
        if done is None:
            state.note_finished(file)
        else:
            state.note(file, done.rows, done.refused)


def _part_names(files: Sequence[Path]) -> list[str]:
    names = [file.stem for file in files]
    if len(set(names)) < len(names):
        raise Refused("two of the files have one name; score them into folders of their own")
    return names
