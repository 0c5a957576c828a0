"""Owns one cell: a kind fitted on half of a set, converted, and asked about the other half. Knows nothing of pages.

The judge is no part of the proof: the original is asked by its own methods, about the rows as they stand in the set.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from convert.errors import Refused
from convert.export import export
from convert.job import Converted, convert
from convert.opening.opener import OpenPolicy
from convert.original.original import Answers, open_original
from convert.original.self_description import DOCUMENT
from convert.original.table import Table, as_json, length, rows_at
from convert.proof.enough import MOST_ACCIDENTS, refuse_ties
from convert.proof.measure import compare
from convert.proof.parity import BadRow, Proof, batched, find_accidents
from convert.proof.user_rows import fit_to_schema
from server.artefact.metadata import Artefact
from server.artefact.runtime import Runtime
from tests.campaigns.coverage.data import Case
from tests.campaigns.coverage.measure import Outcome, measure
from tests.campaigns.realdata.kinds import Kind, build
from tests.campaigns.realdata.sets import DataSet, halves

SECONDS = 180  # of the processor
Convert = Callable[[bytes], Converted]
ROLES = {"label": "predict", "value": "predict", "probabilities": "predict_proba", "scores": "decision_function"}


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted pipeline and the rows it has not seen."""

    model: Any
    unseen: Any


def measure_cell(chosen: DataSet, kind: Kind, folder: Path) -> Outcome:
    """How this cell ends, in a child of its own."""

    def make() -> Fitted:
        parts = halves(chosen, folder)
        return Fitted(build(kind, parts.x).fit(parts.x, parts.y), parts.unseen)

    return measure(Case(chosen.name, kind.name, make), judge, SECONDS)


def as_people_do(pickled: bytes) -> Converted:
    """The file of a pickle, by the converter as it is, also where many answers are accidents. Raises Refused."""
    return convert(pickled, "m", None, OpenPolicy(), lambda *_: None, allow_ties=True)


def judge(fitted: Fitted, way: Convert = as_people_do) -> Outcome:
    """Converts, and compares every unseen row; accidents are counted, and excused unless they are common.

    A model that is refused because too many of its rows tie is compared all the same: its other rows must be right.
    """
    try:
        done = way(pickle.dumps(fitted.model))
        if done.proof.wrong:
            return Outcome("refused", f"not equal in the proof: {_bad(done.proof.bad[0])}")
        compared = _compared(fitted, done)
        if compared.status == "agrees":
            refuse_ties(done.proof)
    except Refused as refusal:
        return Outcome("refused", f"{refusal.where}: {refusal.reason}" if refusal.where else refusal.reason)
    return compared


def _compared(fitted: Fitted, done: Converted) -> Outcome:
    artefact, runtime = done.artefact, Runtime(done.onnx)
    frame = fitted.unseen if not isinstance(fitted.unseen, list) else pandas.DataFrame({DOCUMENT: fitted.unseen})
    table = fit_to_schema(frame, artefact.features)
    expected, raw = _asked(fitted, artefact), batched(runtime, artefact.features, table)
    got = {o.role: raw[o.name].reshape(expected[o.role].shape) for o in artefact.outputs}
    off = np.any([compare(role, expected, values)[0] > 1 for role, values in got.items()], axis=0)
    if not off.any():
        return Outcome("agrees")
    excused = off & accidents(fitted.model, artefact, table, expected)
    wrong = np.flatnonzero(off & ~excused)
    if not len(wrong):
        counted = f"{int(excused.sum())} of {len(off)} rows are accidents"
        return Outcome("differs" if _is_common(excused) and not _tells(done.proof) else "agrees", counted)
    pairs = [f"{role} {expected[role][wrong[0]]} but {values[wrong[0]]}" for role, values in got.items()]
    return Outcome(
        "differs", f"{len(wrong)} of {len(off)} rows; {', '.join(pairs)}: {as_json(rows_at(table, [wrong[0]]))[0]}"
    )


def _tells(proof: Proof) -> bool:
    """Whether the proof itself refuses the model for its ties."""
    return proof.accident_share > MOST_ACCIDENTS


def _is_common(excused: Any) -> bool:
    """Whether more rows are accidents than a model that is written may have, but for chance."""
    chance = 3 * (MOST_ACCIDENTS * (1 - MOST_ACCIDENTS) / len(excused)) ** 0.5
    return bool(excused.mean() > MOST_ACCIDENTS + chance)


def _bad(row: BadRow) -> str:
    return f"{row.output} {row.expected} but {row.got} ({row.way}): {dict(row.row)}"


def _asked(fitted: Fitted, artefact: Artefact) -> Answers:
    roles = [output.role for output in artefact.outputs]
    answers: Answers = {role: np.asarray(getattr(fitted.model, ROLES[role])(fitted.unseen)) for role in roles}
    label = answers.get("label")
    if label is not None:
        kinds: dict[str, type] = {"U": object, "i": np.int64}
        answers["label"] = label.reshape(-1).astype(kinds.get(label.dtype.kind, label.dtype))
    return answers


def accidents(model: Any, artefact: Artefact, table: Table, expected: Answers) -> Any:
    graph = export(open_original(model), artefact.features, expected).accidents
    runtime = None if graph is None else Runtime(graph.SerializeToString())
    return find_accidents(runtime, artefact.features, {"": table}).get("", np.zeros(length(table), np.bool_))
