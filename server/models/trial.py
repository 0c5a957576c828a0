"""Owns what a model must show before it serves: its golden answers, and whether its rows stand alone. Knows no HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import orjson

from server.artefact.metadata import Artefact, Golden, worst_excess
from server.artefact.runtime import Runtime
from server.artefact.tensors import Array, InputLayout, concatenate
from server.batching.cost import CostCurve
from server.codecs.rows import RowReader
from server.errors import ServerError

TIE = 1e-6  # two best scores closer than this may give either label
WARM_UP_ROWS = (1, 4, 16, 64, 256)
WARM_UP_TRIES = 3  # the best counts: a cold first run says nothing of what a run costs
WARM_UP_SECONDS = 0.25  # no further warm-up size is tried after this
PROBE_ROWS = 8


class TrialFailed(ValueError):
    """The model does not give the answers its own file promises; the message says where."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a trial shows. ``golden_rows``: how many were checked and held; ``row_independent``: rows stand alone."""

    golden_rows: int
    row_independent: bool


@dataclass(frozen=True, slots=True)
class Findings:
    """What a trial in one process tells another, of a file with this SHA-256."""

    sha256: str
    verdict: Verdict
    curve: CostCurve

    def to_bytes(self) -> bytes:
        """One line of JSON."""
        return orjson.dumps({"sha256": self.sha256, "verdict": self.verdict, "curve": self.curve.state()})

    @classmethod
    def from_bytes(cls, text: bytes) -> Findings:
        """What `to_bytes` wrote."""
        said = orjson.loads(text)
        return cls(said["sha256"], Verdict(**said["verdict"]), CostCurve.restored(said["curve"]))


def examine(runtime: Runtime, artefact: Artefact | None, layouts: Sequence[InputLayout]) -> Verdict:
    """Checks golden rows and row-independence. Raises TrialFailed."""
    feed = trial_feed(artefact, layouts)
    names = [output.name for output in runtime.outputs]
    together = dict(zip(names, _run(runtime, names, feed), strict=True))
    golden_rows = len(artefact.golden.rows) if artefact else 0
    if artefact is not None and golden_rows:
        check_golden(artefact, together)
    probabilities = artefact.output_names("probabilities") if artefact else ()
    return Verdict(golden_rows, _stands_alone(runtime, names, feed, together, probabilities))


def _run(runtime: Runtime, names: Sequence[str], feed: Mapping[str, Array]) -> list[Any]:
    try:
        return runtime.run(names, feed)
    except Exception as error:  # ONNX Runtime raises a dozen unrelated types of its own
        rows = len(next(iter(feed.values())))
        raise TrialFailed(f"the model does not run with {rows} row{'s' if rows > 1 else ''}: {error}") from error


def trial_feed(artefact: Artefact | None, layouts: Sequence[InputLayout]) -> dict[str, Array]:
    """The golden rows as graph inputs, or rows made up for a file that has none. Raises TrialFailed."""
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
    """Rows that differ from each other, for a file that brings none: small numbers, short words."""
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


def check_golden(artefact: Artefact, got: Mapping[str, Any]) -> None:
    """Compares the golden answers by the one rule of parity. Raises TrialFailed naming output and row."""
    golden = artefact.golden
    for output in artefact.outputs:
        found, expected = got.get(output.name), golden.outputs.get(output.name)
        if not isinstance(found, np.ndarray) or not isinstance(expected, list):
            raise TrialFailed(f"output '{output.name}' is missing in the graph or among the golden answers")
        if not found.ndim or not len(expected) == len(found) == len(golden.rows):
            raise TrialFailed(f"output '{output.name}' has not one answer for each golden row")
    for output in sorted(artefact.outputs, key=lambda output: output.role == "label"):  # ties need sound probabilities
        found, expected = got[output.name], golden.outputs[output.name]
        if output.role == "label" or found.dtype.kind == "O":
            wrong = _wrong_labels(expected, found) - _ties(artefact, golden)
        else:
            wrong = _wrong_numbers(expected, found, output.role == "probabilities")
        if wrong:
            raise TrialFailed(f"golden row {min(wrong)}: '{output.name}' is not what the original model answered")


def _wrong_labels(expected: Sequence[Any], found: Array) -> set[int]:
    pairs = zip(expected, found.tolist(), strict=True)
    return {row for row, (wanted, label) in enumerate(pairs) if not _same(wanted, label)}


def _wrong_numbers(expected: Sequence[Any], found: Array, probabilities: bool) -> set[int]:
    try:
        wanted = np.array(expected, np.float64)
        got = found.astype(np.float64).reshape(wanted.shape)
    except (TypeError, ValueError):
        return {0}
    got = np.where(np.isfinite(got), got, np.nan)  # JSON has no infinity: what is no number is null
    excess = worst_excess(wanted, got, _scale(wanted, probabilities))
    return set(np.nonzero(excess > 1.0)[0].tolist())


def _scale(values: Array, probabilities: bool) -> float:
    """What a difference is held against: 1 for probabilities, else the standard deviation of what is finite."""
    finite = values[np.isfinite(values)]
    if probabilities or not finite.size:
        return 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        spread = float(finite.std())
    return spread if np.isfinite(spread) and spread > 0.0 else 1.0


def _same(expected: Any, got: Any) -> bool:
    """Labels, or lists of them where a model has several targets; a one-column label is the label itself."""
    if isinstance(got, list) and not isinstance(expected, list):
        got = got[0]
    return bool(expected == got)


def _ties(artefact: Artefact, golden: Golden) -> frozenset[int]:
    """Rows whose two best probabilities are so close that either label is right."""
    ties: set[int] = set()
    for name in artefact.output_names("probabilities"):
        probabilities = np.array(golden.outputs[name], np.float64)
        if probabilities.ndim == 2 and probabilities.shape[1] > 1:
            best = np.sort(probabilities, axis=1)[:, -2:]
            ties.update(np.nonzero(best[:, 1] - best[:, 0] < TIE)[0].tolist())
    return frozenset(ties)


def _stands_alone(
    runtime: Runtime,
    names: Sequence[str],
    feed: Mapping[str, Array],
    together: Mapping[str, Any],
    probabilities: Sequence[str],
) -> bool:
    """Whether each row gets alone what it gets among others; a model that mixes rows must never be batched."""
    rows = len(next(iter(feed.values())))
    for row in range(rows):
        alone = _run(runtime, names, {name: array[row : row + 1] for name, array in feed.items()})
        for name, output in zip(names, alone, strict=True):
            whole = together[name]
            if not _has_rows(output, 1) or not _has_rows(whole, rows):
                return False
            if not _agree(whole[row : row + 1], output, whole, name in probabilities):
                return False
    return True


def _has_rows(output: Any, rows: int) -> bool:
    return isinstance(output, np.ndarray) and output.ndim > 0 and len(output) == rows


def _agree(expected: Array, got: Array, whole: Array, probabilities: bool) -> bool:
    if expected.shape != got.shape or expected.dtype.kind not in "fiub":
        return bool(np.array_equal(expected, got))
    scale = _scale(whole.astype(np.float64), probabilities)
    return bool((worst_excess(expected, got, scale) <= 1.0).all())


def warm_up(runtime: Runtime, artefact: Artefact | None, layouts: Sequence[InputLayout], max_rows: int) -> CostCurve:
    """Runs the model at growing sizes, so that its first request is not its slowest; gives the first cost curve.

    Raises TrialFailed where it does not run at one of them.
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


def first_run(runtime: Runtime, artefact: Artefact | None, layouts: Sequence[InputLayout]) -> None:
    """Runs a model that has passed its trial elsewhere once, so that all workers share what a first run makes."""
    _run(runtime, [output.name for output in runtime.outputs], trial_feed(artefact, layouts))


def seconds_of_run(runtime: Runtime, names: Sequence[str], feed: Mapping[str, Array]) -> float:
    """Runs once. Raises TrialFailed."""
    start = perf_counter()
    _run(runtime, names, feed)
    return perf_counter() - start
