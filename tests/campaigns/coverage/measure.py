"""Owns the measuring of one case: fit, convert, compare, in a child with a time limit. Knows nothing of tables.

The limit is for plain skl2onnx, which has conversions that never end. It is of the processor's time, so that what
else runs beside it changes no outcome.
"""

from __future__ import annotations

import multiprocessing
import pickle
import re
import resource
import signal
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import cloudpickle  # type: ignore[import-untyped,unused-ignore]  # joblib brings it
import numpy as np
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import BooleanTensorType, FloatTensorType, StringTensorType

from convert.errors import UNFORESEEN, Refused
from convert.graph.graph import OPSETS
from convert.inspection import inspect
from convert.job import convert
from convert.opening.opener import OpenPolicy
from convert.opening.own_code import OwnCode
from convert.original.original import Original, open_original
from convert.original.schema import describe
from convert.original.table import Table, for_graph
from convert.proof.measure import compare
from convert.proof.questions import ask_by_halves, ask_proof_rows
from convert.tracing.steps import own_steps
from server.artefact.metadata import BadArtefact, Feature, from_metadata
from server.artefact.runtime import BadModel, Runtime
from tests.campaigns.coverage.data import Case

# A fork of this very process would hang in what is left of the threads that OpenMP had here; this one forks early.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__])
SECONDS = 90  # of the processor
PATIENCE = 20 * SECONDS  # of the clock: it may wait for what never comes
LENIENT = 10.0  # plain skl2onnx computes in float32: it is allowed 1e-4 where we allow 1e-5

Status = Literal["agrees", "refused", "differs", "breaks", "hangs", "not fitted"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a case ended, and why."""

    status: Status
    why: str = ""


def ours(model: Any) -> Outcome:
    """This converter, proof and all; of a model that answers a row otherwise beside others what it answers alone."""
    try:
        own = any(own_steps(model))
        pickled = cloudpickle.dumps(model) if own else pickle.dumps(model)
        done = convert(pickled, "m", None, OpenPolicy(code=OwnCode(()) if own else None), lambda *_: None, alone=True)
    except Refused as refusal:
        status: Status = "breaks" if refusal.remedy.endswith(UNFORESEEN) else "refused"
        return Outcome(status, f"{refusal.where}: {refusal.reason}" if refusal.where else refusal.reason)
    if done.proof.wrong:
        return Outcome("differs", str(done.proof.bad[0]))
    try:
        from_metadata(inspect(done.onnx, golden=True).metadata)  # as the parent looks at the file
    except (Refused, BadArtefact) as error:
        return Outcome("breaks", str(error))
    return Outcome("agrees")


def plain(model: Any) -> Outcome:
    """skl2onnx alone, in float32, as its documentation shows; compared over the same rows, rounded to float32."""
    try:
        original = open_original(model)
        features = describe(original)
        groups, _ = ask_proof_rows(original, features, None)
    except Refused as refusal:
        return Outcome("refused", f"not tried without rows: {refusal.reason}")
    try:
        exported = _exported(model, _types(features))
    except Exception as error:  # noqa: BLE001  it raises whatever comes to hand
        return Outcome("refused", f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
    try:
        runtime = Runtime(exported.SerializeToString())
    except BadModel as error:
        return Outcome("breaks", f"does not load: {error}")
    return _compared(original, runtime, features, groups)


def _exported(model: Any, types: list[tuple[str, Any]]) -> Any:
    """Without ZipMap; not every estimator knows that option, and some that do not are classifiers."""
    try:
        return convert_sklearn(model, initial_types=types, options={"zipmap": False}, target_opset=OPSETS)
    except NameError:
        return convert_sklearn(model, initial_types=types, target_opset=OPSETS)


def _types(features: tuple[Feature, ...]) -> list[tuple[str, Any]]:
    if len({feature.input for feature in features}) == 1:
        kind = StringTensorType if features[0].dtype == "string" else FloatTensorType
        return [(features[0].input, kind([None, len(features)]))]
    kinds = {"string": StringTensorType, "bool": BooleanTensorType}
    return [(feature.input, kinds.get(feature.dtype, FloatTensorType)([None, 1])) for feature in features]


def _compared(original: Original, runtime: Runtime, features: tuple[Feature, ...], groups: dict[str, Table]) -> Outcome:
    wrong = total = 0
    for table in groups.values():
        rounded = {name: _single(values) for name, values in table.items()}
        accepted = ask_by_halves(original, rounded)
        if accepted is None:
            continue
        rows, expected = accepted
        try:
            got = runtime.run([node.name for node in runtime.outputs], _feed(rows, features, runtime))
        except Exception as error:  # noqa: BLE001  ONNX Runtime has a dozen types of its own
            return Outcome("breaks", f"does not run: {str(error).splitlines()[0]}")
        off = np.zeros(len(next(iter(expected.values()))), np.bool_)
        for (name, values), output in zip(expected.items(), got, strict=False):
            off |= compare(name, {**expected, name: values}, _shaped(output, values))[0] > (
                1 if name == "label" else LENIENT
            )
        wrong, total = wrong + int(off.sum()), total + len(off)
    return Outcome("differs", f"{wrong:,} of {total:,} rows") if wrong else Outcome("agrees")


def _single(values: Any) -> Any:
    return values.astype(np.float32).astype(np.float64) if values.dtype.kind == "f" else values


def _shaped(got: Any, expected: Any) -> Any:
    """A column where a vector is due is forgiven, and so are two columns (-d, d) of one decision value."""
    values = np.asarray(got)
    if expected.ndim == 1 and values.ndim == 2 and values.shape[1] == 2:
        return values[:, 1]
    return values.reshape(expected.shape) if values.size == expected.size else values


def _feed(table: Table, features: tuple[Feature, ...], runtime: Runtime) -> dict[str, Any]:
    """By skl2onnx's own names, which have no brackets or blanks."""
    feed = {_plain_name(name): values for name, values in for_graph(table, features).items()}
    wanted = {node.name: node.dtype for node in runtime.inputs}
    given = {name: feed[_plain_name(name)] for name in wanted}
    return {name: values if values.dtype.kind == "O" else values.astype(wanted[name]) for name, values in given.items()}


def _plain_name(name: str) -> str:
    return re.sub(r"\W", "_", name)


def _answer(make: bytes, way: Callable[[Any], Outcome], seconds: int, pipe: Any) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    warnings.simplefilter("ignore")
    try:
        model = cloudpickle.loads(make)()
    except Exception as error:  # noqa: BLE001  an estimator that does not take such data is no case
        pipe.send(Outcome("not fitted", repr(error)))
        return
    try:
        pipe.send(way(model))
    except Exception as error:  # noqa: BLE001  whatever breaks, the table says so
        pipe.send(Outcome("breaks", repr(error)))


def measure(case: Case, way: Callable[[Any], Outcome], seconds: float = SECONDS) -> Outcome:
    """One case, one way, in a child of its own."""
    reading, writing = multiprocessing.Pipe(duplex=False)
    child = CONTEXT.Process(target=_answer, args=(cloudpickle.dumps(case.make), way, int(seconds), writing))
    child.start()
    writing.close()
    try:
        if not reading.poll(PATIENCE):
            return Outcome("hangs", f"more than {PATIENCE} s of the clock")
        outcome: Outcome = reading.recv()
    except EOFError:
        child.join()
        if child.exitcode in (-signal.SIGXCPU, -signal.SIGKILL):
            return Outcome("hangs", f"more than {seconds:.0f} s")
        return Outcome("breaks", "the process died")
    else:
        return outcome
    finally:
        child.kill()
        child.join()
