"""Owns one conversion from bytes to bytes: open, describe, export, prove. Knows nothing of files, names or processes.

It runs in the child process, because everything it does touches what the pickle made.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
from onnx import ModelProto

from convert.describe import describe
from convert.errors import Refused
from convert.export import export
from convert.opener import open_model
from convert.original import Answers, Original, open_original
from convert.parity import TIE, Proof, margins, prove
from convert.proofrows import fitted
from convert.rows import golden_rows, synthesise
from convert.table import Table, as_json, rows_at, stacked
from convert.traits import find_traits
from server.artefact import Artefact, Feature, Golden, Output, to_metadata
from server.runtime import Runtime

GOLDEN_ROWS = 16
CHUNK_ROWS = 2000  # what the original is asked at once: some need memory by rows x training rows

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Converted:
    """What comes out: the file's bytes, unless the proof failed; and what a report says."""

    onnx: bytes
    artefact: Artefact
    proof: Proof


def convert(pickled: bytes, name: str, data: Any | None, trusted: tuple[str, ...], tell: Tell) -> Converted:
    """Makes the artefact of a pickle. Raises Refused."""
    tell("opening the pickle")
    original = open_original(open_model(pickled, trusted))
    tell(f"asking the {type(original.model).__name__} what its rows look like")
    features, groups = describe_with_rows(original, data)
    expected = {group: answers(original, table) for group, table in groups.items()}
    tell("building the graph")
    model, outputs = export(original, features, expected["usual"])
    tell(f"comparing {sum(len(next(iter(t.values()))) for t in groups.values())} rows, together and alone")
    proof = prove(Runtime(model.SerializeToString()), features, groups, expected)
    artefact = Artefact(
        name=name,
        kind=original.kind,
        features=features,
        outputs=outputs,
        classes=original.classes(),
        golden=_golden(groups, expected, outputs),
        producer=_producer(),
        created=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        source_sha256=hashlib.sha256(pickled).hexdigest(),
        parity=proof.as_json(),
    )
    return Converted(_with_metadata(model, to_metadata(artefact)), artefact, proof)


def describe_with_rows(original: Original, data: Any | None) -> tuple[tuple[Feature, ...], dict[str, Table]]:
    """The schema, and the proof rows by group; ``data`` is a person's own table. Raises Refused."""
    traits = find_traits(original.model, len(original.names))
    features = describe(original, traits)
    groups = synthesise(features, traits)
    if data is not None:
        groups["data"] = fitted(data, features)
        _must_take(original, groups["data"])
    return features, groups


def _must_take(original: Original, data: Table) -> None:
    try:
        original.ask(data)
    except Exception as error:
        raise Refused(f"the original does not take the rows of --data: {error}", "give rows it was made for") from error


def answers(original: Original, table: Table) -> Answers:
    """The original's answers, asked in portions."""
    rows = len(next(iter(table.values())))
    parts = [original.ask(rows_at(table, slice(start, start + CHUNK_ROWS))) for start in range(0, rows, CHUNK_ROWS)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _golden(groups: Mapping[str, Table], expected: Mapping[str, Answers], outputs: tuple[Output, ...]) -> Golden:
    """Usual rows first, then a few with missing values; none whose label is a tie."""
    wanted = {"usual": GOLDEN_ROWS - 2, "missing": 2} if "missing" in groups else {"usual": GOLDEN_ROWS}
    tables, found = [], []
    for group, count in wanted.items():
        clear = margins(expected[group]) >= TIE if "label" in expected[group] else _all(expected[group])
        tables.append(golden_rows(groups[group], count, clear))
        found.append({name: golden_rows({name: v}, count, clear)[name] for name, v in expected[group].items()})
    names = [output.name for output in outputs]
    joined = {key: np.concatenate([part[key] for part in found]).tolist() for key in found[0]}
    return Golden(as_json(stacked(tables)), dict(zip(names, joined.values(), strict=True)))


def _all(expected: Answers) -> Any:
    return np.ones(len(next(iter(expected.values()))), np.bool_)


def _producer() -> dict[str, str]:
    packages = ("scikit-learn", "numpy", "onnx", "onnxruntime")
    return {"python": platform.python_version(), **{package: version(package) for package in packages}}


def _with_metadata(model: ModelProto, entries: Mapping[str, str]) -> bytes:
    for key, value in entries.items():
        model.metadata_props.add(key=key, value=value)
    return bytes(model.SerializeToString())
