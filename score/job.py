"""Owns one scoring from tables to tables: parts in order, none twice, on after an interruption. Prints nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from score import source
from score.errors import Refused
from score.scorer import Scored, Scorer, find_model, open_model
from score.sink import Part
from server.artefact.tensors import Array
from server.codecs.refusals import listed
from server.models.repository import Model

STATE = "score.json"
Tell = Callable[[str, float, int, int], None]  # the file, how much of all is done, rows, refused rows


@dataclass(frozen=True, slots=True)
class Job:
    """What is scored by which model, and where the answers go: a file, or a folder that is filled in parts."""

    source: str
    out: Path
    models: Path
    model: str | None
    version: str | None
    keys: tuple[str, ...]
    probabilities: bool
    part_rows: int
    threads: int
    replace: bool


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


def run(job: Job, tell: Tell) -> Summary:
    """Scores every row. Raises Refused; parts that are whole stay, and the same command goes on behind them."""
    files = source.find(job.source)
    to_file = job.out.suffix in source.SUFFIXES
    if to_file and job.out.exists() and not job.replace:
        raise Refused(f"{job.out} exists; --replace overwrites it")
    model = open_model(find_model(job.models, job.model, job.version), job.threads)
    texts = files[0].suffix == ".csv"
    scorer = Scorer(model, job.keys, texts=texts, probabilities=job.probabilities)
    schemas = [source.schema_of(file) for file in files]
    for file, schema in zip(files, schemas, strict=True):
        try:
            scorer.check(schema)
        except Refused as refusal:
            raise Refused(f"{file}: {refusal}") from None
    summary = Summary(f"{model.name} {model.version}")
    summary.unread = tuple(dict.fromkeys(n for schema in schemas for n in schema.names if n not in scorer.columns))
    if to_file:
        _score_to_file(job, files, scorer, summary, tell)
    else:
        _score_to_folder(job, files, scorer, _State(job, files, model), summary, tell)
    return summary


def _score_to_file(job: Job, files: Sequence[Path], scorer: Scorer, summary: Summary, tell: Tell) -> None:
    job.out.parent.mkdir(parents=True, exist_ok=True)
    with Part(job.out) as part:
        for at, file in enumerate(files):
            for piece in source.read(file, scorer.columns, 0):
                _write(part, scorer, piece, summary)
                tell(file.name, (at + piece.share) / len(files), summary.rows, summary.refused)
        if not summary.rows + summary.refused:
            schema = source.schema_of(files[0])
            nothing = pa.RecordBatch.from_pylist([], pa.schema([schema.field(name) for name in scorer.columns]))
            _write(part, scorer, source.Piece(np.arange(0), nothing, 1.0), summary)
        part.finish()


def _write(part: Part, scorer: Scorer, piece: source.Piece, summary: Summary) -> None:
    scored = scorer.score(piece.batch)
    refused = _numbered(scored, piece)
    part.write(scored.answers, refused)
    summary.rows += scored.answers.num_rows
    summary.refused += refused.num_rows


def _numbered(scored: Scored, piece: source.Piece) -> pa.RecordBatch:
    """Refusals by their rows' numbers in the file, those without the right number of cells among them."""
    numbers: Array = piece.numbers[scored.refused.column("row").to_numpy()]
    refused = scored.refused.set_column(0, "row", pa.array(numbers, pa.int64()))
    if not piece.misshapen:
        return refused
    names = {"row": [number for number, _ in piece.misshapen], "reason": [reason for _, reason in piece.misshapen]}
    nothing = [None] * len(piece.misshapen)
    columns = [pa.array(names.get(field.name, nothing), field.type) for field in refused.schema]
    more = pa.RecordBatch.from_arrays(columns, schema=refused.schema)
    both = pa.Table.from_batches([refused, more]).sort_by("row").combine_chunks()
    return both.to_batches()[0]


class _State:
    """What a folder holds already, of which job: `score.json` in it."""

    def __init__(self, job: Job, files: Sequence[Path], model: Model) -> None:
        self._path = job.out / STATE
        stats = [file.stat() for file in files]
        self._job = {
            "model_sha256": model.sha256,
            "files": [[str(file), stat.st_size, stat.st_mtime_ns] for file, stat in zip(files, stats, strict=True)],
            "keys": list(job.keys),
            "probabilities": job.probabilities,
            "part_rows": job.part_rows,
        }
        self.parts: dict[str, list[list[int]]] = {}  # by file, of each part: rows and refused rows
        self.finished: list[str] = []
        job.out.mkdir(parents=True, exist_ok=True)
        if self._path.exists() and not job.replace:
            self._read()
        elif any(job.out.iterdir()) and not job.replace:
            raise Refused(f"{job.out} is not empty; name another folder, or say --replace")

    def _read(self) -> None:
        try:
            state: Any = orjson.loads(self._path.read_bytes())
            job, self.parts, self.finished = state["job"], state["parts"], state["finished"]
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise Refused(f"{self._path} is damaged ({error!r}); --replace begins anew") from None
        if job != self._job:
            changed = ", ".join(key for key in self._job if job.get(key) != self._job[key])
            raise Refused(f"{self._path.parent} holds parts of another job ({changed}); --replace begins anew")

    def note(self, file: Path, part: Part) -> None:
        """The next part of a file is whole."""
        self.parts.setdefault(str(file), []).append([part.rows, part.refused])
        self._save()

    def note_finished(self, file: Path) -> None:
        """A file has no more parts."""
        self.finished.append(str(file))
        self._save()

    def _save(self) -> None:
        data = {"job": self._job, "parts": self.parts, "finished": self.finished}
        unfinished = self._path.with_suffix(".unfinished")
        unfinished.write_bytes(orjson.dumps(data, option=orjson.OPT_INDENT_2))
        unfinished.replace(self._path)


def _score_to_folder(
    job: Job, files: Sequence[Path], scorer: Scorer, state: _State, summary: Summary, tell: Tell
) -> None:
    names = _part_names(files)
    for rows, refused in chain.from_iterable(state.parts.values()):
        summary.resumed += rows + refused
        summary.rows += rows
        summary.refused += refused
    for at, (file, name) in enumerate(zip(files, names, strict=True)):
        if str(file) in state.finished:
            continue
        done = len(state.parts.get(str(file), ())) * job.part_rows
        for number, own in _split(source.read(file, scorer.columns, done), job.part_rows):
            with Part(job.out / f"{name}-{number:05}{file.suffix}") as part:
                for piece in own:
                    _write(part, scorer, piece, summary)
                    tell(file.name, (at + piece.share) / len(files), summary.rows, summary.refused)
                part.finish()
            state.note(file, part)
        state.note_finished(file)


def _split(pieces: Iterator[source.Piece], part_rows: int) -> Iterator[tuple[int, Iterator[source.Piece]]]:
    """The pieces of each part, whose number comes with them: rows up to ``part_rows`` are of part 0."""
    waiting = next(pieces, None)

    def own(last: int) -> Iterator[source.Piece]:
        nonlocal waiting
        while waiting is not None:
            before, behind = waiting.up_to(last)
            yield before
            if len(behind.numbers) or behind.misshapen:
                waiting = behind
                return
            waiting = next(pieces, None)

    while waiting is not None:
        first = int(waiting.numbers[0]) if len(waiting.numbers) else waiting.misshapen[0][0]
        number = (first - 1) // part_rows
        yield number, own((number + 1) * part_rows)


def _part_names(files: Sequence[Path]) -> list[str]:
    names = [file.stem for file in files]
    if len(set(names)) < len(names):
        raise Refused("two of the files have one name; score them into folders of their own")
    return names
