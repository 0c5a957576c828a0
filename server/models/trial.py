"""Owns what a trial checks and measures: golden rows, row-independence, warm-up. Knows no processes and no HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import orjson

from server.artefact.golden import mismatch, scale_of
from server.artefact.metadata import Artefact
from server.artefact.parity import worst_excess
from server.artefact.runtime import Runtime
from server.artefact.tensors import Array, InputLayout, concatenate
from server.batching.cost import CostCurve
from server.codecs.json.group import JsonGroup
from server.codecs.rows import RowReader
from server.errors import ServerError

WARM_UP_ROWS = (1, 4, 16, 64, 256)  # sizes of the first runs, from which the curve learns
WARM_UP_TRIES = 3  # per size, of which the fastest counts: a cold first run does not show the cost
WARM_UP_SECONDS = 0.25  # no larger size is tried after this
PROBE_ROWS = 8
MOST_COST = 1e15  # of any number of a cost curve: a trial ends long before
MAX_MIXING = 500  # characters of why rows may affect each other


class TrialFailed(ValueError):
    """The model does not give the answers that its file promises; the message says where."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a trial. ``golden_rows``: how many passed; ``mixing``: why rows may affect each other, or None."""

    golden_rows: int
    mixing: str | None = None

    @property
    def row_independent(self) -> bool:
        """Whether rows do not affect each other, so that requests may share a run."""
        return self.mixing is None


@dataclass(frozen=True, slots=True)
class Findings:
    """What a trial sends to another process about the file with this SHA-256."""

    sha256: str
    size: int  # of the file, bytes
    verdict: Verdict
    curve: CostCurve
    cost_by_rows: bool
    pads_texts: bool = False

    def to_bytes(self) -> bytes:
        """Encodes it as one line of JSON."""
        return orjson.dumps(
            {
                "sha256": self.sha256,
                "size": self.size,
                "verdict": self.verdict,
                "curve": self.curve.state(),
                "cost_by_rows": self.cost_by_rows,
                "pads_texts": self.pads_texts,
            }
        )

    @classmethod
    def from_bytes(cls, text: bytes) -> Findings:
        """Decodes what `to_bytes` wrote. Raises ValueError, KeyError or TypeError for anything else."""
        document = orjson.loads(text)
        sha256, size, verdict, curve, by_rows, pads = (
            document[key] for key in ("sha256", "size", "verdict", "curve", "cost_by_rows", "pads_texts")
        )
        golden_rows, mixing = verdict["golden_rows"], verdict["mixing"]
        numbers = [curve[name] for name in CostCurve().state()]
        fits = isinstance(sha256, str) and type(size) is type(golden_rows) is int and isinstance(mixing, str | None)
        if not fits or not isinstance(by_rows, bool) or not isinstance(pads, bool) or len(curve) != len(numbers):
            raise ValueError("its trial did not give findings")
        if not all(type(number) in (int, float) and 0.0 <= number < MOST_COST for number in numbers):
            raise ValueError("its trial did not give costs of runs")
        cut = None if mixing is None else mixing[:MAX_MIXING]
        return cls(sha256, size, Verdict(golden_rows, cut), CostCurve.restored(curve), by_rows, pads)


def examine(
    runtime: Runtime,
    artefact: Artefact | None,
    layouts: Sequence[InputLayout],
    groups: Sequence[JsonGroup] = (),
) -> Verdict:
    """Checks golden rows, that each of ``groups`` can tell their answers, and row-independence. Raises TrialFailed."""
    feed = trial_feed(artefact, layouts)
    names = [output.name for output in runtime.outputs]
    together = dict(zip(names, _run(runtime, names, feed), strict=True))
    golden_rows = len(artefact.golden.rows) if artefact else 0
    if artefact is not None and golden_rows and (wrong := mismatch(artefact, together)):
        raise TrialFailed(wrong)
    for group in groups:
        _tell(group, together)
    probabilities = artefact.output_names("probabilities") if artefact else ()
    return Verdict(golden_rows, _find_mixing(runtime, names, feed, together, probabilities))


def _tell(group: JsonGroup, together: Mapping[str, Any]) -> None:
    try:
        group.try_out([together[name] for name in group.outputs])
    except Exception as error:  # of whatever the file claims of its outputs
        raise TrialFailed(f"its answers do not fit the classes and outputs that the file names: {error!r}") from error


def _run(runtime: Runtime, names: Sequence[str], feed: Mapping[str, Array]) -> list[Any]:
    try:
        return runtime.run(names, feed)
    except Exception as error:  # ONNX Runtime raises a dozen unrelated types of its own
        rows = len(next(iter(feed.values())))
        raise TrialFailed(f"the model does not run with {rows} row{'s' if rows > 1 else ''}: {error}") from error


def trial_feed(artefact: Artefact | None, layouts: Sequence[InputLayout]) -> dict[str, Array]:
    """The golden rows as graph inputs, or made-up rows for a file without. Raises TrialFailed."""
    if artefact is None or not artefact.golden.rows:
        return probe_feed(layouts)
    try:
        return golden_feed(artefact)
    except (ServerError, TypeError) as error:
        raise TrialFailed(f"the golden rows do not fit the features: {error}") from error


def golden_feed(artefact: Artefact) -> dict[str, Array]:
    """The golden rows as graph inputs."""
    reader = RowReader(artefact.features)
    buffers = reader.read_rows([list(row) for row in artefact.golden.rows], clean=False)
    return {layout.name: concatenate(layout, [buffer]) for layout, buffer in zip(reader.layouts, buffers, strict=True)}


def probe_feed(layouts: Sequence[InputLayout]) -> dict[str, Array]:
    """Makes PROBE_ROWS rows that differ from each other: small numbers, short strings."""
    random = np.random.default_rng(0)
    feed: dict[str, Array] = {}
    for layout in layouts:
        shape = (PROBE_ROWS, *layout.row_shape)
        if layout.dtype == np.object_:
            feed[layout.name] = random.choice(np.array(["a", "b", "cd"], np.object_), shape)
        else:
            numbers = random.normal(size=shape) if layout.dtype.kind == "f" else random.integers(0, 2, shape)
            feed[layout.name] = numbers.astype(layout.dtype)
    return feed


def _find_mixing(
    runtime: Runtime,
    names: Sequence[str],
    feed: Mapping[str, Array],
    together: Mapping[str, Any],
    probabilities: Sequence[str],
) -> str | None:
    """The output in which a row has another answer alone than among others: requests must not share a run; or None."""
    rows = len(next(iter(feed.values())))
    for row in range(rows):
        alone = _run(runtime, names, {name: array[row : row + 1] for name, array in feed.items()})
        for name, output in zip(names, alone, strict=True):
            whole = together[name]
            if not _has_rows(output, 1) or not _has_rows(whole, rows):
                return f"in its trial, the output '{name}' has not one answer for each row"
            if not _agree(whole[row : row + 1], output, whole, name in probabilities):
                return f"in its trial, the output '{name}' answered a row otherwise alone than among others"
    return None


def _has_rows(output: Any, rows: int) -> bool:
    return isinstance(output, np.ndarray) and output.ndim > 0 and len(output) == rows


def _agree(expected: Array, got: Array, whole: Array, probabilities: bool) -> bool:
    if expected.shape != got.shape or expected.dtype.kind not in "fiub":
        return bool(np.array_equal(expected, got))
    scale = scale_of(whole.astype(np.float64), probabilities)
    return bool((worst_excess(expected, got, scale) <= 1.0).all())


def warm_up(runtime: Runtime, artefact: Artefact | None, layouts: Sequence[InputLayout], max_rows: int) -> CostCurve:
    """Runs the model at growing sizes up to ``max_rows``; returns the first cost curve.

    Raises TrialFailed if a run fails.
    """
    curve = CostCurve()
    feed = trial_feed(artefact, layouts)
    names = [output.name for output in runtime.outputs]
    began = perf_counter()
    for rows in (size for size in WARM_UP_ROWS if size <= max_rows):
        grown = {name: np.resize(array, (rows, *array.shape[1:])) for name, array in feed.items()}
        curve.learn(rows, min(seconds_of_run(runtime, names, grown) for _ in range(WARM_UP_TRIES)))
        if perf_counter() - began > WARM_UP_SECONDS:
            break
    return curve


def seconds_of_run(runtime: Runtime, names: Sequence[str], feed: Mapping[str, Array]) -> float:
    """Runs once and returns the seconds. Raises TrialFailed."""
    start = perf_counter()
    _run(runtime, names, feed)
    return perf_counter() - start
