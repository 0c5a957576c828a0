"""Small ONNX files for tests: real fitted scikit-learn estimators written out node by node, and files of no estimator.

Knows nothing of convert/: a fault there must not hide one in the server.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.preprocessing import StandardScaler

from server.artefact.metadata import MISSING_TEXT, Artefact, Feature, Golden, Kind, Output, to_metadata

DOUBLE, FLOAT, INT64, BOOL, STRING = (
    TensorProto.DOUBLE,
    TensorProto.FLOAT,
    TensorProto.INT64,
    TensorProto.BOOL,
    TensorProto.STRING,
)
GOLDEN_ROWS = 16


@dataclass(frozen=True)
class Made:
    """An ONNX file, what it says of itself, and the original to compare with. ``rows`` are some that it takes."""

    data: bytes
    artefact: Artefact | None
    original: Any
    rows: Any


Value = tuple[str, int, Sequence[int | str]]  # name, element type, shape


def onnx_file(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    constants: Mapping[str, Any] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """The bytes of an ONNX file with one graph."""
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info(*value) for value in inputs],
        [helper.make_tensor_value_info(*value) for value in outputs],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in (constants or {}).items()],
    )
    opsets = [helper.make_opsetid("", 19), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    helper.set_model_props(model, dict(metadata or {}))
    return bytes(model.SerializeToString())


def with_metadata(data: bytes, metadata: Mapping[str, str]) -> bytes:
    """The same graph with other metadata."""
    model = onnx.load_model_from_string(data)
    del model.metadata_props[:]
    helper.set_model_props(model, dict(metadata))
    return bytes(model.SerializeToString())


def artefact_of(
    kind: Kind,
    features: Sequence[Feature],
    outputs: Sequence[Output],
    classes: Any,
    rows: Sequence[Sequence[Any]],
    answers: Mapping[str, Any],
) -> Artefact:
    """An artefact whose golden rows are the first of ``rows``, with the original's answers to them."""
    golden = Golden(
        tuple(tuple(row) for row in rows[:GOLDEN_ROWS]),
        {name: np.asarray(values)[:GOLDEN_ROWS].tolist() for name, values in answers.items()},
    )
    producer = {"scikit-learn": "1.9.1"}
    return Artefact(
        "made", kind, tuple(features), tuple(outputs), classes, golden, producer, "2026-11-22T00:00:00Z", "0" * 64
    )


def matrix(names: Sequence[str]) -> tuple[Feature, ...]:
    """Features that are the columns of one float64 input X."""
    return tuple(Feature(name, "float64", "X") for name in names)


def _iris() -> tuple[Any, Any, list[str]]:
    iris = load_iris()
    return iris.data, iris.target_names[iris.target], list(iris.feature_names)


def _linear(estimator: Any, label_constant: Any) -> tuple[list[onnx.NodeProto], dict[str, Any]]:
    """Nodes from X to label and probabilities of a logistic regression of two or more classes."""
    binary = len(estimator.classes_) == 2
    constants = {"W": estimator.coef_.T.copy(), "b": estimator.intercept_, "C": label_constant}
    nodes = [helper.make_node("Gemm", ["X", "W", "b"], ["z"])]
    if binary:
        constants["one"] = np.ones(1)
        nodes += [
            helper.make_node("Sigmoid", ["z"], ["p1"]),
            helper.make_node("Sub", ["one", "p1"], ["p0"]),
            helper.make_node("Concat", ["p0", "p1"], ["probabilities"], axis=1),
        ]
    else:
        nodes.append(helper.make_node("Softmax", ["z"], ["probabilities"], axis=1))
    nodes += [
        helper.make_node("ArgMax", ["probabilities"], ["at"], axis=1, keepdims=0),
        helper.make_node("Gather", ["C", "at"], ["label"]),
    ]
    return nodes, constants


@functools.cache
def classifier(labels: str = "string") -> Made:
    """A logistic regression on iris whose classes are ``string``, ``int``, ``float`` or ``bool`` (is it setosa?)."""
    x, names, features = _iris()
    y = {
        "string": names,
        "int": np.unique(names, return_inverse=True)[1] * 10,
        "float": np.unique(names, return_inverse=True)[1] + 1.0,
        "bool": names == "setosa",
    }[labels]
    model = LogisticRegression(max_iter=1000).fit(x, y)
    kinds = {"string": (STRING, np.object_), "int": (INT64, np.int64), "float": (FLOAT, np.float32)}
    kind, dtype = kinds.get(labels, (INT64, np.int64))  # ONNX has no label of booleans: 0 and 1 stand for them
    nodes, constants = _linear(model, model.classes_.astype(dtype))
    rows = x[::7]
    answers = {"label": model.predict(rows), "probabilities": model.predict_proba(rows)}
    outputs = (Output("label", "label"), Output("probabilities", "probabilities"))
    classes = tuple(model.classes_.tolist())
    artefact = artefact_of("classifier", matrix(features), outputs, classes, rows.tolist(), answers)
    data = onnx_file(
        nodes,
        [("X", DOUBLE, ["N", 4])],
        [("label", kind, ["N"]), ("probabilities", DOUBLE, ["N", len(classes)])],
        constants,
        to_metadata(artefact),
    )
    return Made(data, artefact, model, rows)


@functools.cache
def regressor(targets: int = 1, features: int = 10) -> Made:
    """A linear regression on diabetes; several targets are the target and its square root and so on."""
    diabetes = load_diabetes()
    x = diabetes.data[:, :features]
    y = diabetes.target if targets == 1 else np.stack([diabetes.target ** (1 / (i + 1)) for i in range(targets)], 1)
    model = LinearRegression().fit(x, y)
    weights = {"W": np.atleast_2d(model.coef_).T.copy(), "b": np.atleast_1d(model.intercept_)}
    rows = x[::11]
    artefact = artefact_of(
        "regressor",
        matrix(diabetes.feature_names[:features]),
        (Output("value", "value"),),
        None,
        rows.tolist(),
        {"value": model.predict(rows).reshape(len(rows), targets)},
    )
    data = onnx_file(
        [helper.make_node("Gemm", ["X", "W", "b"], ["value"])],
        [("X", DOUBLE, ["N", features])],
        [("value", DOUBLE, ["N", targets])],
        weights,
        to_metadata(artefact),
    )
    return Made(data, artefact, model, rows)


@functools.cache
def multi_output_classifier() -> Made:
    """Two targets: the kind of iris as 0 to 2, and whether its petals are long; labels are ``[rows, 2]``."""
    x, names, features = _iris()
    y = np.stack([np.unique(names, return_inverse=True)[1], (x[:, 2] > 4).astype(int)], 1)
    model = MultiOutputClassifier(LogisticRegression(max_iter=1000)).fit(x, y)
    nodes: list[onnx.NodeProto] = []
    constants: dict[str, Any] = {}
    for target, estimator in enumerate(model.estimators_):
        own, given = _linear(estimator, estimator.classes_.astype(np.int64))
        for node in own:
            node.input[:] = [name if name == "X" else f"{name}{target}" for name in node.input]
            node.output[:] = [f"{name}{target}" for name in node.output]
        nodes += own
        constants |= {f"{name}{target}": array for name, array in given.items()}
        constants[f"axes{target}"] = np.array([1])
        nodes.append(helper.make_node("Unsqueeze", [f"label{target}", f"axes{target}"], [f"column{target}"]))
    nodes.append(helper.make_node("Concat", ["column0", "column1"], ["label"], axis=1))
    rows = x[::7]
    probabilities = model.predict_proba(rows)
    artefact = artefact_of(
        "classifier",
        matrix(features),
        (
            Output("label", "label"),
            Output("probabilities", "probabilities0"),
            Output("probabilities", "probabilities1"),
        ),
        ((0, 1, 2), (0, 1)),
        rows.tolist(),
        {"label": model.predict(rows), "probabilities0": probabilities[0], "probabilities1": probabilities[1]},
    )
    data = onnx_file(
        nodes,
        [("X", DOUBLE, ["N", 4])],
        [
            ("label", INT64, ["N", 2]),
            ("probabilities0", DOUBLE, ["N", 3]),
            ("probabilities1", DOUBLE, ["N", 2]),
        ],
        constants,
        to_metadata(artefact),
    )
    return Made(data, artefact, model, rows)


@functools.cache
def scores_classifier() -> Made:
    """A ridge classifier on iris: labels and decision values, no probabilities."""
    x, names, features = _iris()
    model = RidgeClassifier().fit(x, names)
    rows = x[::7]
    artefact = artefact_of(
        "classifier",
        matrix(features),
        (Output("label", "label"), Output("scores", "scores")),
        tuple(model.classes_.tolist()),
        rows.tolist(),
        {"label": model.predict(rows), "scores": model.decision_function(rows)},
    )
    data = onnx_file(
        [
            helper.make_node("Gemm", ["X", "W", "b"], ["scores"]),
            helper.make_node("ArgMax", ["scores"], ["at"], axis=1, keepdims=0),
            helper.make_node("Gather", ["C", "at"], ["label"]),
        ],
        [("X", DOUBLE, ["N", 4])],
        [("label", STRING, ["N"]), ("scores", DOUBLE, ["N", 3])],
        {"W": model.coef_.T.copy(), "b": model.intercept_, "C": model.classes_.astype(np.object_)},
        to_metadata(artefact),
    )
    return Made(data, artefact, model, rows)


@functools.cache
def transformer() -> Made:
    """A standard scaler on iris."""
    x, _, features = _iris()
    model = StandardScaler().fit(x)
    rows = x[::7]
    artefact = artefact_of(
        "transformer",
        matrix(features),
        (Output("transformed", "transformed"),),
        None,
        rows.tolist(),
        {"transformed": model.transform(rows)},
    )
    data = onnx_file(
        [helper.make_node("Sub", ["X", "mean"], ["d"]), helper.make_node("Div", ["d", "scale"], ["transformed"])],
        [("X", DOUBLE, ["N", 4])],
        [("transformed", DOUBLE, ["N", 4])],
        {"mean": model.mean_, "scale": model.scale_},
        to_metadata(artefact),
    )
    return Made(data, artefact, model, rows)


CITIES = ("Bern", "Oslo", "Rome")
MIXED_FEATURES = (
    Feature("city", "string", "city", categories=CITIES),
    Feature("plan", "string", "plan", nullable=True, known=("", "gold", "tin, 2")),
    Feature("age", "float64", "age", nullable=True),
    Feature("visits", "int64", "visits"),
    Feature("member", "bool", "member"),
)


def mixed_matrix(rows: Sequence[Sequence[Any]]) -> Any:
    """What the mixed model computes with: one-hot city, whether the plan is missing, age or 40, visits, member."""
    columns = [
        [
            *(float(city == known) for known in CITIES),
            float(plan is None),
            40.0 if age is None else age,
            float(visits),
            float(member),
        ]
        for city, plan, age, visits, member in rows
    ]
    return np.array(columns, np.float64)


@functools.cache
def mixed() -> Made:
    """A linear regression over columns of four dtypes, one ``[rows, 1]`` input each; two may be missing."""
    random = np.random.default_rng(7)
    rows = [
        (
            CITIES[i % 3],
            [None, "gold", "", "tin, 2"][i % 4],
            None if i % 5 == 0 else round(float(random.normal(40, 9)), 3),
            int(random.integers(0, 90)),
            bool(i % 2),
        )
        for i in range(60)
    ]
    model = LinearRegression().fit(mixed_matrix(rows), random.normal(size=60))
    artefact = artefact_of(
        "regressor",
        MIXED_FEATURES,
        (Output("value", "value"),),
        None,
        rows,
        {"value": model.predict(mixed_matrix(rows)).reshape(-1, 1)},
    )
    data = onnx_file(
        [
            helper.make_node("Equal", ["city", "cities"], ["is_city"]),
            helper.make_node("Equal", ["plan", "missing"], ["no_plan"]),
            helper.make_node("IsNaN", ["age"], ["no_age"]),
            helper.make_node("Where", ["no_age", "forty", "age"], ["c2"]),
            helper.make_node("Cast", ["is_city"], ["c0"], to=DOUBLE),
            helper.make_node("Cast", ["no_plan"], ["c1"], to=DOUBLE),
            helper.make_node("Cast", ["visits"], ["c3"], to=DOUBLE),
            helper.make_node("Cast", ["member"], ["c4"], to=DOUBLE),
            helper.make_node("Concat", ["c0", "c1", "c2", "c3", "c4"], ["M"], axis=1),
            helper.make_node("Gemm", ["M", "W", "b"], ["value"]),
        ],
        [
            ("city", STRING, ["N", 1]),
            ("plan", STRING, ["N", 1]),
            ("age", DOUBLE, ["N", 1]),
            ("visits", INT64, ["N", 1]),
            ("member", BOOL, ["N", 1]),
        ],
        [("value", DOUBLE, ["N", 1])],
        {
            "cities": np.array([CITIES], np.object_),
            "missing": np.array([MISSING_TEXT], np.object_),
            "forty": np.array([40.0]),
            "W": model.coef_.reshape(-1, 1),
            "b": np.array([model.intercept_]),
        },
        to_metadata(artefact),
    )
    return Made(data, artefact, model, rows)


@functools.cache
def plain() -> Made:
    """No metadata: ``doubled = 2 * X + 1`` over one float32 ``[rows, 3]``."""
    data = onnx_file(
        [helper.make_node("Mul", ["X", "two"], ["t"]), helper.make_node("Add", ["t", "one"], ["doubled"])],
        [("X", FLOAT, ["N", 3])],
        [("doubled", FLOAT, ["N", 3])],
        {"two": np.float32(2), "one": np.float32(1)},
    )
    return Made(data, None, None, [[0.1, 2.0, -3.5], [1.0, 0.0, 1e-3]])


@functools.cache
def plain_two_inputs() -> Made:
    """No metadata and two inputs: ``/predict`` cannot offer it, v2 can."""
    data = onnx_file(
        [helper.make_node("Add", ["A", "B"], ["total"])],
        [("A", FLOAT, ["N", 2]), ("B", FLOAT, ["N", 2])],
        [("total", FLOAT, ["N", 2])],
    )
    return Made(data, None, None, None)


@functools.cache
def whole_numbers() -> Made:
    """No metadata: the int64 ``[rows, 2]`` itself and the sum of each row."""
    data = onnx_file(
        [
            helper.make_node("Identity", ["X"], ["same"]),
            helper.make_node("ReduceSum", ["X", "axes"], ["total"], keepdims=1),
        ],
        [("X", INT64, ["N", 2])],
        [("same", INT64, ["N", 2]), ("total", INT64, ["N", 1])],
        {"axes": np.array([1])},
    )
    return Made(data, None, None, [[2**53 + 1, -1], [2**63 - 1, -(2**63)]])


@functools.cache
def row_mixing() -> Made:
    """No metadata: each row less the mean of all rows; what a row gets depends on its company."""
    data = onnx_file(
        [
            helper.make_node("ReduceMean", ["X", "axes"], ["mean"], keepdims=1),
            helper.make_node("Sub", ["X", "mean"], ["Y"]),
        ],
        [("X", FLOAT, ["N", 2])],
        [("Y", FLOAT, ["N", 2])],
        {"axes": np.array([0])},
    )
    return Made(data, None, None, None)


def threshold() -> bytes:
    """``y = x - (max > 100 ? mean : 0)``: rows mix only where one is large."""
    nodes = [
        helper.make_node("ReduceMax", ["X"], ["max"], keepdims=0),
        helper.make_node("ReduceMean", ["X"], ["mean"], keepdims=0),
        helper.make_node("Greater", ["max", "hundred"], ["large"]),
        helper.make_node("Where", ["large", "mean", "nothing"], ["offset"]),
        helper.make_node("Sub", ["X", "offset"], ["Y"]),
    ]
    constants = {"hundred": np.float32(100), "nothing": np.float32(0)}
    return onnx_file(nodes, [("X", FLOAT, ["N", 1])], [("Y", FLOAT, ["N", 1])], constants)


@functools.cache
def table_lookup(size: int = 100) -> Made:
    """No metadata: ``Y = table[X]`` over int64 ``[rows, 1]``; ONNX Runtime fails the whole run on one bad index."""
    data = onnx_file(
        [helper.make_node("Gather", ["table", "X"], ["Y"])],
        [("X", INT64, ["N", 1])],
        [("Y", DOUBLE, ["N", 1])],
        {"table": np.arange(size) * 1.5},
    )
    return Made(data, None, None, None)


@functools.cache
def words() -> Made:
    """No metadata: the words of each text, padded to as many as the longest of the run has."""
    node = helper.make_node(
        "Tokenizer", ["X"], ["Y"], domain="com.microsoft", mark=0, mincharnum=1, pad_value="", separators=[" "]
    )
    model = onnx.load_model_from_string(onnx_file([node], [("X", STRING, ["N", 1])], [("Y", STRING, ["N", 1, "T"])]))
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return Made(bytes(model.SerializeToString()), None, None, None)


ARTEFACTS: dict[str, Callable[[], Made]] = {
    "string labels": classifier,
    "int labels": functools.partial(classifier, "int"),
    "float labels": functools.partial(classifier, "float"),
    "bool labels": functools.partial(classifier, "bool"),
    "regressor": regressor,
    "one feature": functools.partial(regressor, 1, 1),
    "multi-target regressor": functools.partial(regressor, 3),
    "multi-output classifier": multi_output_classifier,
    "scores": scores_classifier,
    "transformer": transformer,
    "mixed": mixed,
}
PLAIN: dict[str, Callable[[], Made]] = {"plain": plain, "whole numbers": whole_numbers, "table lookup": table_lookup}
