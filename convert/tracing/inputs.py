"""Owns what the columns of a model's input are where a person's own steps see them first, and did not note them.

The steps are recorded over made-up tables: what they ask for by name must be there, and what the next step was fitted
on must come out. Knows nothing of schemas.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import FeatureUnion, Pipeline

from convert.errors import Refused
from convert.exporters.registry import Exporter
from convert.graph.graph import Graph
from convert.inside import inside, is_idle
from convert.tracing.delegates import held_by
from convert.tracing.recorder.learned import MissingColumn, NeedsDates, NeedsText
from convert.tracing.recorder.recorder import Recorder
from convert.tracing.recording import SIZES, Recording, columns_of, record, recorder_for
from convert.tracing.steps import call_of, functions_of, is_own

MOST_TRIED = 2000  # recordings of a few milliseconds
WORDS = ("a", "b", "c")
TextsOf = Callable[[Any], Mapping[int, Sequence[str]]]  # of an estimator: where it takes texts, and those it knows
_NUMBERS: ContextVar[Collection[str]] = ContextVar("columns of numbers", default=())


def leading(model: Any) -> Iterator[Any]:
    """The steps that a row goes through, in order."""
    if isinstance(model, Pipeline):
        for part in inside(model):
            if not is_idle(part.estimator):
                yield from leading(part.estimator)
        return
    parts = [part for part in inside(model) if not is_own(model)]
    if len(parts) == 1 and parts[0].columns is None:  # a search, or another wrapper of one
        yield from leading(parts[0].estimator)
    else:
        yield model


def infer_columns(
    model: Any, texts_of: TextsOf, numbers: Collection[str] = ()
) -> tuple[list[str] | int, list[str]] | None:
    """The names of the input's columns, or how many there are, and which of them hold texts; None where nothing tells.

    ``numbers`` are columns that hold numbers.
    """
    token = _NUMBERS.set(numbers)
    try:
        return _inferred(model, texts_of)
    finally:
        _NUMBERS.reset(token)


def _inferred(model: Any, texts_of: TextsOf) -> tuple[list[str] | int, list[str]] | None:
    chain: list[Any] = []
    reader = None
    for step in leading(model):
        if hasattr(step, "n_features_in_") or not is_own(step):
            reader = step
            break
        chain.append(step)
    if not chain:
        return _side_by_side(reader, texts_of) if type(reader) is FeatureUnion else None
    width = getattr(reader, "n_features_in_", None)
    wanted = getattr(reader, "feature_names_in_", None)
    texts = {} if reader is None or width is None else dict.fromkeys(texts_of(reader), True)
    if wanted is not None:
        listed = [str(name) for name in wanted]
        return _named(chain, listed, [listed[at] for at in texts], len(listed))
    if reader is None and (found := _handed_over(chain, texts_of)) is not None:
        return found
    found = (_numbered(chain, width) if width is not None else None) or _named(chain, [], [], width)
    return found or (_handed_over(chain, texts_of) if reader is not None else None)


def _side_by_side(union: FeatureUnion, texts_of: TextsOf) -> tuple[list[str], list[str]] | None:
    """The columns that all parts of a union ask for together, where each tells its own."""
    names: dict[str, bool] = {}
    for part in inside(union):
        if isinstance(part.estimator, str):
            continue
        told = getattr(next(leading(part.estimator)), "feature_names_in_", None)
        found = ([str(name) for name in told], []) if told is not None else _inferred(part.estimator, texts_of)
        if found is None or isinstance(found[0], int):
            return None
        names |= {name: names.get(name, False) or name in found[1] for name in found[0]}
    return (list(names), [name for name, text in names.items() if text]) if names else None


def _handed_over(chain: Sequence[Any], texts_of: TextsOf) -> tuple[list[str] | int, list[str]] | None:
    """The columns that the steps ask for by name, where an estimator that a step of a person's keeps is the last to
    read them; or as many as such a one was fitted on."""
    names: list[str] = []
    texts: list[str] = []
    found = _completed(chain, names, texts, texts_of)
    if names:
        return (names, texts) if found is not None else None
    for inner in held_by(chain[-1]):
        width = getattr(inner, "n_features_in_", None)
        concrete = np.tile(np.linspace(0.5, 1.5, width or 1), (next(size for size in SIZES if size != width), 1))
        try:
            if width is not None and _run(chain, concrete):
                return width, []
        except (Refused, NeedsText, MissingColumn):
            continue
    return None


def _numbered(chain: Sequence[Any], width: int) -> tuple[int, list[str]] | None:
    """The fewest columns of an array of which the steps make so many."""
    for count in range(1, width + 1):
        concrete = np.tile(np.linspace(0.5, 1.5, count), (SIZES[1] if count != SIZES[1] else SIZES[0], 1))
        try:
            if _run(chain, concrete).made.width == width:
                return count, []
        except (Refused, NeedsText, MissingColumn):
            continue
    return None


def _named(
    chain: Sequence[Any], names: list[str], texts: list[str], width: int | None
) -> tuple[list[str], list[str]] | None:
    """The columns of a frame of which the steps make those ``names``, or so many."""
    found = _completed(chain, list(names), list(texts))
    if found is None and names:  # what comes out may not go in: a merge with columns of these names
        alone = _completed(chain, [], [])
        return alone[1:] if alone and list(getattr(alone[0].concrete, "columns", ())) == names else (names, texts)
    if found is None:
        return None
    recording, given, texts = found
    made = recording.concrete
    passed = {given[origin] for origin in recording.origins if origin is not None}
    for name in [name for name in names if name not in passed]:
        rest = [other for other in given if other != name]
        fewer = _completed(chain, list(rest), list(texts)) if rest else None
        if fewer is not None and name not in fewer[1] and set(getattr(fewer[0].concrete, "columns", ())) == set(names):
            given, texts = fewer[1], fewer[2]
    if width is not None and not names and made.shape[1:] != (width,):
        return None
    return (given, texts) if given else None


def _completed(
    chain: Sequence[Any],
    names: list[str],
    texts: list[str],
    texts_of: TextsOf | None = None,
) -> Any:
    """A recording over a frame of these columns, to which those that are asked for are added; None where none is.

    With ``texts_of`` what an estimator answers that the steps keep does not count, if only it has its columns.
    """
    dates: set[str] = set()
    words: dict[str, Sequence[str]] = {}
    for _ in range(MOST_TRIED):
        size = next(size for size in SIZES if size != len(names))
        kinds = {name: "dates" if name in dates else "texts" if name in texts else "" for name in names}
        concrete = pd.DataFrame(
            {name: _values(kind, size, words.get(name)) for name, kind in kinds.items()}, index=range(size)
        )
        recorder = recorder_for(Graph(), concrete)
        recorder.texts_of = texts_of or recorder.texts_of
        recorder.untold = [at for at, name in enumerate(names) if name not in _NUMBERS.get()]
        try:
            return _run(chain, concrete, recorder), names, texts
        except MissingColumn as error:
            if not isinstance(error.args[0], str) or error.args[0] in names:
                return None
            names.append(error.args[0])
        except NeedsDates as error:
            dates.update(names[column] for column in error.columns)
        except NeedsText as error:
            texts.append(names[error.column])
            words[names[error.column]] = _known_to(recorder, error.column)
        except Refused:
            return (None, names, texts) if texts_of and recorder.handed_over else None
    return None


def _known_to(recorder: Recorder, column: int) -> Sequence[str]:
    """The texts of a column that the estimator knows to which it was handed over last."""
    for inner, origins in recorder.handed_over[-1:]:
        if column in origins:
            return dict(recorder.texts_of(inner)).get(origins.index(column), ())
    return ()


def _values(kind: str, size: int, words: Sequence[str] | None = None) -> Any:
    if kind == "dates":
        return pd.date_range("2024-01-01", periods=size, unit="us")
    return np.resize(np.array(words or WORDS, object), size) if kind else np.linspace(0.5, 1.5, size)


def _run(chain: Sequence[Any], concrete: Any, recorder: Recorder | None = None) -> Recording:
    """The chain as one call."""

    recorder = recorder or recorder_for(Graph(), concrete)
    graph = recorder.graph

    def call(x: Any) -> Any:
        for step in chain:
            x = call_of(step, Exporter(graph))(x)
        return x

    functions = [function for step in chain for function in functions_of(step)]
    return record(recorder, call, concrete, columns_of(concrete, graph), *functions)
