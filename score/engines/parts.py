"""Owns the scoring of parts of one file, one after another: every engine does it by this. Prints nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from score.reading import source
from score.scorer import Scored, Scorer
from score.sink import Part
from server.artefact.tensors import Array

Tell = Callable[[float, int, int], None]  # how much of the file is done, up to 1, and what is new: rows, refused rows
TellStretch = Callable[[int, float, int, int], None]  # the same of the stretch with this number


@dataclass(frozen=True, slots=True)
class Stretch:
    """Parts of a file: those from ``first`` on, up to ``last``, or to the end where that is None.

    Part n has the rows behind number n * ``part_rows``. ``out``: the folder; ``name``: how its files' names begin.
    """

    file: Path
    out: Path
    name: str
    part_rows: int
    first: int = 0
    last: int | None = None


class Done(NamedTuple):
    """A part that is whole: its rows and refused rows, and how much of its file is done with it, up to 1."""

    rows: int
    refused: int
    share: float


def score_stretches(
    scorer: Scorer, stretches: Sequence[Stretch], tell: TellStretch
) -> Iterator[tuple[int, Done | None]]:
    """Scores stretches here, one after another. Yields each part that is whole, and None behind the last of each."""
    for at, stretch in enumerate(stretches):
        for done in score_stretch(stretch, scorer, "", partial(tell, at)):
            yield at, done
        yield at, None


def score_stretch(stretch: Stretch, scorer: Scorer, attempt: str, tell: Tell) -> Iterator[Done]:
    """Writes the parts one after another. ``attempt``: as of `Part`. Raises Refused."""
    pieces = source.read(stretch.file, scorer.columns, stretch.first * stretch.part_rows)
    for number, own in _split(pieces, stretch.part_rows):
        if stretch.last is not None and number > stretch.last:
            return
        share = 0.0
        with Part(stretch.out / f"{stretch.name}-{number:05}{stretch.file.suffix}", attempt) as part:
            for piece in own:
                rows, refused = write(part, scorer, piece)
                share = piece.share
                tell(share, rows, refused)
            part.finish()
        yield Done(part.rows, part.refused, share)


def write(part: Part, scorer: Scorer, piece: source.Piece) -> tuple[int, int]:
    """Scores a piece into a part; rows and refused rows."""
    scored = scorer.score(piece.batch)
    refused = _numbered(scored, piece)
    part.write(scored.answers, refused)
    return scored.answers.num_rows, refused.num_rows


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
        first = min([int(number) for number in waiting.numbers[:1]] + [number for number, _ in waiting.misshapen[:1]])
        number = (first - 1) // part_rows
        yield number, own((number + 1) * part_rows)
