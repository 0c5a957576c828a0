"""Owns one conversion from bytes to bytes: open, describe, export, prove. Knows nothing of files, names or processes.

It runs in the child process, because everything it does touches what the pickle made.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
from onnx import ModelProto

from convert.errors import Refused
from convert.export import export
from convert.opening.opener import Opening, open_model
from convert.original.drawing import draw
from convert.original.original import Answers, Original, open_original
from convert.original.schema import describe
from convert.original.table import Table, as_json, length, rows_at, stacked
from convert.proof.parity import TIE, Proof, margins, prove
from convert.proof.speed import ratios
from convert.proof.synthetic_rows import ROWS, golden_rows, synthesise, usual
from convert.proof.user_rows import fitted, named_by
from server.artefact import Artefact, Feature, Golden, Output, to_metadata
from server.runtime import Runtime

GOLDEN_ROWS = 16
FEW_ROWS = (10, 1000)
HARDLY_ANY = ("the model answers hardly any of the rows made up from it", "check it with predict on a usual row")
CHUNK_ROWS = 2000  # what the original is asked at once: some need memory by rows x training rows
COMPARING_FROM = 0.4  # of all the work, when the comparison begins
FAILURES = 400  # questions that may fail before the rest of a group is given up

Tell = Callable[[str, float], None]  # what is under way, and how much of all is done
Groups = dict[str, Table]


@dataclass(frozen=True, slots=True)
class Converted:
    """What comes out: the file's bytes, unless the proof failed; and what a report says."""

    onnx: bytes
    artefact: Artefact
    proof: Proof
    speed: Mapping[str, float]


def convert(pickled: bytes, name: str, data: Any | None, how: Opening, tell: Tell) -> Converted:
    """Makes the artefact of a pickle. Raises Refused."""
    tell("opening the pickle", 0.0)
    original = _with_names(open_original(open_model(pickled, how)), data)
    tell(f"asking the {type(original.model).__name__} what its rows look like", 0.1)
    features = describe(original)
    few = _few_answers(original, features)
    tell("building the graph", 0.15)
    model, outputs = export(original, features, few)
    tell("asking for the answers to 10,000 rows", 0.2)
    groups, expected = proof_rows(original, features, data)
    runtime = Runtime(model.SerializeToString())
    proof = prove(runtime, features, groups, expected, teller(tell, groups))
    artefact = Artefact(
        name=name,
        kind=original.kind,
        features=features,
        outputs=outputs,
        classes=original.classes(few),
        golden=_golden(groups, expected, outputs),
        producer=_producer(how),
        created=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        source_sha256=hashlib.sha256(pickled).hexdigest(),
        parity=proof.as_json(),
    )
    model.doc_string = draw(original.model)
    speed = ratios(original, runtime, features, groups["usual"])
    return Converted(_with_metadata(model, to_metadata(artefact)), artefact, proof, speed)


def _with_names(original: Original, data: Any | None) -> Original:
    """A model that was fitted on an array has no column names; those of --data are better than x0, x1, ..."""
    if original.named or original.documents or data is None:
        return original
    names = named_by(data, len(original.names))
    return original if names is None else replace(original, names=names)


def teller(tell: Tell, groups: Groups) -> Callable[[float], None]:
    """Tells of the comparison by the share of it that is done; it is what remains after the graph."""
    text = f"comparing {sum(map(length, groups.values())):,} rows, together and alone"
    tell(text, COMPARING_FROM)
    return lambda share: tell(text, COMPARING_FROM + (1 - COMPARING_FROM) * share)


def describe_with_rows(
    original: Original, data: Any | None
) -> tuple[tuple[Feature, ...], Groups, Mapping[str, Answers]]:
    """The schema, the proof rows by group, and the original's answers to them. Raises Refused.

    ``data`` is a person's own table. Made-up rows that the original itself does not take are left out.
    """
    features = describe(original)
    return features, *proof_rows(original, features, data)


def proof_rows(
    original: Original, features: tuple[Feature, ...], data: Any | None
) -> tuple[Groups, Mapping[str, Answers]]:
    """The proof rows by group, and the original's answers to them. Raises Refused."""
    groups, expected = _answered(original, features)
    if data is not None:
        groups["data"] = fitted(data, features)
        expected["data"] = _answers_to_data(original, groups["data"])
    return groups, expected


def _few_answers(original: Original, features: tuple[Feature, ...]) -> Answers:
    """Enough to build the graph from, so that what has no exporter is refused before 10,000 rows are asked."""
    for rows in FEW_ROWS:
        table = usual(np.random.default_rng(0), features, original.hints, rows)
        if (found := answers(original, table)) is not None:
            return found[1]
    raise Refused(*HARDLY_ANY)


def _answered(original: Original, features: tuple[Feature, ...]) -> tuple[Groups, dict[str, Answers]]:
    for more in (1, 2, 8):
        made = synthesise(features, original.hints, ROWS * more)
        found = {group: one for group, table in made.items() if (one := answers(original, table)) is not None}
        if "usual" in found and sum(length(table) for table, _ in found.values()) >= ROWS:
            return {g: table for g, (table, _) in found.items()}, {g: one for g, (_, one) in found.items()}
    raise Refused(*HARDLY_ANY)


def _answers_to_data(original: Original, data: Table) -> Answers:
    try:
        return _asked(original, data)
    except Exception as error:
        raise Refused(f"the original does not take the rows of --data: {error}", "give rows it was made for") from error


def answers(original: Original, table: Table) -> tuple[Table, Answers] | None:
    """The rows that the original takes, and its answers; None where it takes none. Halves are asked where one fails."""
    pieces: list[tuple[Table, Answers]] = []
    waiting, failures = [table], 0
    while waiting and failures < FAILURES:
        part = waiting.pop()
        try:
            pieces.append((part, _asked(original, part)))
        except Exception:  # noqa: BLE001  whatever it raises, it does not take all of these rows
            failures += 1
            middle = length(part) // 2
            if middle:
                waiting += [rows_at(part, slice(middle, None)), rows_at(part, slice(0, middle))]
    if not pieces:
        return None
    names = pieces[0][1]
    joined = {name: np.concatenate([found[name] for _, found in pieces]) for name in names}
    return stacked([part for part, _ in pieces]), joined


def _asked(original: Original, table: Table) -> Answers:
    """The original's answers, asked in portions."""
    starts = range(0, length(table), CHUNK_ROWS)
    parts = [original.ask(rows_at(table, slice(start, start + CHUNK_ROWS))) for start in starts]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _golden(groups: Mapping[str, Table], expected: Mapping[str, Answers], outputs: tuple[Output, ...]) -> Golden:
    """Usual rows first, then a few with missing values; none whose label is a tie."""
    wanted = {"usual": GOLDEN_ROWS - 2, "missing": 2} if "missing" in groups else {"usual": GOLDEN_ROWS}
    tables, found = [], []
    for group, count in wanted.items():
        clear = margins(expected[group]) >= TIE if "label" in expected[group] else _all(expected[group])
        chosen = golden_rows(groups[group], count, clear)
        tables.append(rows_at(groups[group], chosen))
        found.append({name: answers[chosen] for name, answers in expected[group].items()})
    names = [output.name for output in outputs]
    joined = {key: np.concatenate([part[key] for part in found]).tolist() for key in found[0]}
    return Golden(as_json(stacked(tables)), dict(zip(names, joined.values(), strict=True)))


def _all(expected: Answers) -> Any:
    return np.ones(len(next(iter(expected.values()))), np.bool_)


def _producer(how: Opening) -> dict[str, str]:
    packages = ("scikit-learn", "numpy", "onnx", "onnxruntime")
    found = {"python": platform.python_version(), **{package: version(package) for package in packages}}
    return found | ({"warning": "pickled with another scikit-learn"} if how.any_version else {})


def _with_metadata(model: ModelProto, entries: Mapping[str, str]) -> bytes:
    for key, value in entries.items():
        model.metadata_props.add(key=key, value=value)
    return bytes(model.SerializeToString())
