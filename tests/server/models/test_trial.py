"""The trial: golden rows hold or the file does not serve, and rows that depend on each other never share a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import pytest
from onnx import helper

from server.artefact.metadata import Artefact, Feature, Golden, Output
from server.artefact.runtime import Feed, Runtime
from server.artefact.tensors import Array, InputLayout
from server.batching.cost import CostCurve
from server.codecs.rows import RowReader
from server.models.trial import (
    MAX_MIXING,
    WARM_UP_ROWS,
    Findings,
    TrialFailed,
    Verdict,
    examine,
    golden_feed,
    probe_feed,
    warm_up,
)
from tests.support.server.models import (
    ARTEFACTS,
    DOUBLE,
    FLOAT,
    INT64,
    PLAIN,
    Made,
    classifier,
    mixed,
    multi_output_classifier,
    onnx_file,
    regressor,
    row_mixing,
    scores_classifier,
)


def layouts_of(runtime: Runtime) -> tuple[InputLayout, ...]:
    """Every input with its rows first."""
    return tuple(
        InputLayout(spec.name, spec.dtype, tuple(size for size in spec.shape[1:] if size is not None))
        for spec in runtime.inputs
    )


def examined(made: Made, artefact: Artefact | None = None) -> Any:
    """The verdict on a model, perhaps with another artefact than its own."""
    runtime = Runtime(made.data)
    return examine(runtime, artefact or made.artefact, layouts_of(runtime))


def with_golden(made: Made, **outputs: Any) -> Artefact:
    """The model's artefact with some golden answers changed."""
    assert made.artefact is not None
    golden = made.artefact.golden
    changed = Golden(golden.rows, {**golden.outputs, **outputs})
    return dataclasses.replace(made.artefact, golden=changed)


@pytest.mark.parametrize("name", ARTEFACTS)
def test_real_models_pass_and_are_row_independent(name: str) -> None:
    verdict = examined(ARTEFACTS[name]())
    assert (verdict.golden_rows, verdict.row_independent) == (len(ARTEFACTS[name]().artefact.golden.rows), True)  # type: ignore[union-attr]
    assert verdict.golden_rows >= 14


@pytest.mark.parametrize("name", PLAIN)
def test_plain_files_pass_and_are_row_independent(name: str) -> None:
    verdict = examined(PLAIN[name]())
    assert (verdict.golden_rows, verdict.row_independent) == (0, True)


@pytest.mark.fault(29)
def test_rows_that_mix_are_not_row_independent() -> None:
    assert not examined(row_mixing()).row_independent


def test_an_artefact_without_golden_rows_is_tried_with_made_up_ones() -> None:
    made = regressor()
    assert made.artefact is not None
    bare = dataclasses.replace(made.artefact, golden=Golden((), {"value": []}))
    verdict = examined(made, bare)
    assert (verdict.golden_rows, verdict.row_independent) == (0, True)


def changed(values: Sequence[Any], row: int, value: Any) -> list[Any]:
    """The values with one replaced."""
    replaced = list(values)
    replaced[row] = value
    return replaced


@pytest.mark.parametrize(
    ("made", "output", "value"),
    [
        (classifier(), "label", "not a kind of iris"),
        (classifier("int"), "label", 5),
        (classifier("bool"), "label", None),
        (classifier(), "probabilities", [0.2, 0.3, 0.5]),
        (classifier(), "probabilities", [None, None, None]),
        (regressor(), "value", [0.0]),
        (regressor(3), "value", [1.0, 2.0, 3.0]),
        (multi_output_classifier(), "label", [9, 9]),
        (scores_classifier(), "scores", [0.0, 0.0, 0.0]),
    ],
)
def test_a_wrong_golden_answer_is_told_by_row_and_output(made: Made, output: str, value: Any) -> None:
    assert made.artefact is not None
    answers = changed(made.artefact.golden.outputs[output], 3, value)
    with pytest.raises(TrialFailed, match=f"golden row 3: '{output}'"):
        examined(made, with_golden(made, **{output: answers}))


@pytest.mark.parametrize(
    "value", [[], [[1.0]] * 3, [["x"]] * 16, [[1.0], [2.0, 3.0]] * 8, [[1.0, 2.0]] * 16, "text", None]
)
def test_golden_answers_of_another_shape_are_told(value: Any) -> None:
    with pytest.raises(TrialFailed, match="'value'"):
        examined(regressor(), with_golden(regressor(), value=value))


@pytest.mark.parametrize("value", [["x"] * 16, [0.5] * 16, [[0.5], [0.5, 0.5]] * 8, [[1, 2, 3], None] * 8])
def test_golden_probabilities_of_another_shape_are_told(value: Any) -> None:
    with pytest.raises(TrialFailed, match="'probabilities'"):
        examined(classifier(), with_golden(classifier(), probabilities=value))


def test_an_output_that_the_graph_has_not_is_told() -> None:
    made = regressor()
    assert made.artefact is not None
    outputs = (Output("value", "price"),)
    golden = Golden(made.artefact.golden.rows, {"price": made.artefact.golden.outputs["value"]})
    with pytest.raises(TrialFailed, match="'price' is missing in the graph"):
        examined(made, dataclasses.replace(made.artefact, outputs=outputs, golden=golden))


@pytest.mark.parametrize("rows", [((1.0,),), ((None,) * 10,), (("a",) * 10,), (5,), ({},)])
def test_golden_rows_that_do_not_fit_the_features_are_told(rows: Any) -> None:
    made = regressor()
    assert made.artefact is not None
    golden = Golden(rows, {"value": [[1.0]]})
    with pytest.raises(TrialFailed, match="golden rows"):
        examined(made, dataclasses.replace(made.artefact, golden=golden))


def test_golden_feed_is_what_a_request_with_these_rows_would_give() -> None:
    artefact = mixed().artefact
    assert artefact is not None
    feed = golden_feed(artefact)
    assert list(feed) == [layout.name for layout in RowReader(artefact.features).layouts]
    assert feed["city"][:, 0].tolist() == [row[0] for row in artefact.golden.rows]
    assert feed["age"].dtype == np.float64
    assert np.isnan(feed["age"][0, 0])


def test_probe_rows_differ_and_fit_every_dtype() -> None:
    dtypes = (np.float32, np.float16, np.int64, np.uint8, np.bool_, np.object_)
    layouts = [InputLayout(np.dtype(dtype).name, np.dtype(dtype), (8,)) for dtype in dtypes]
    for layout, array in zip(layouts, probe_feed(layouts).values(), strict=True):
        assert array.dtype == layout.dtype
        assert len({tuple(row) for row in array.tolist()}) > 1


class Fake:
    """A runtime that answers by a function; the trial asks for no more of it."""

    outputs = Runtime(regressor().data).outputs
    inputs = Runtime(regressor().data).inputs

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def run(self, outputs: Sequence[str], feed: Feed) -> list[Any]:
        return [self.answer(feed["X"])]


LAYOUT = InputLayout("X", np.dtype(np.float64), (10,))


def row_independent(answer: Any) -> bool:
    """Whether the rows of a model that answers so are independent."""
    runtime: Any = Fake(answer)
    return examine(runtime, None, [LAYOUT]).row_independent


def noisy(x: Array) -> Array:
    """Sums whose last bits depend on the company, as matrix products do."""
    return np.asarray(x.sum(axis=1) * (1 + 1e-13 * len(x)))


def test_rounding_is_no_mixing() -> None:
    assert row_independent(lambda x: x.sum(axis=1))
    assert row_independent(noisy)


def test_answers_that_depend_on_the_company_are_mixing() -> None:
    assert not row_independent(lambda x: x.sum(axis=1) * (1 + 1e-3 * len(x)))
    assert not row_independent(lambda x: x.sum(axis=1) + x.mean())
    assert not row_independent(lambda x: np.array([f"{len(x)}"] * len(x), np.object_))


def test_answers_without_rows_of_their_own_are_not_row_independent() -> None:
    assert not row_independent(lambda x: x.sum())
    assert not row_independent(lambda x: np.array(1.0))
    assert not row_independent(lambda x: x[:, 0][: max(1, len(x) - 1)])
    assert not row_independent(lambda x: np.zeros((1, 3)))
    assert not row_independent(lambda x: np.zeros((len(x), len(x))))


def test_answers_that_are_no_numbers_may_be_row_independent() -> None:
    assert row_independent(lambda x: np.where(x[:, 0] > 0, np.inf, x[:, 0]))
    assert row_independent(lambda x: np.full(len(x), np.nan))
    assert row_independent(lambda x: np.where(x > 0, 1e308, -1e308))


def test_a_model_that_runs_only_with_company_or_only_with_many_fails_its_trial() -> None:
    """Inside, it reshapes to four rows; told at load instead of at the first request."""
    data = onnx_file(
        [helper.make_node("Reshape", ["X", "shape"], ["Y"])],
        [("X", FLOAT, ["N", 1])],
        [("Y", FLOAT, ["M", 4])],
        {"shape": np.array([-1, 4])},
    )
    runtime = Runtime(data)
    with pytest.raises(TrialFailed, match="does not run with 1 row: "):
        examine(runtime, None, layouts_of(runtime))


def test_a_model_that_fails_at_a_warm_up_size_fails_its_trial() -> None:
    def answer(x: Array) -> Array:
        if len(x) > 16:
            raise RuntimeError("too many for me")
        return x[:, 0]

    runtime: Any = Fake(answer)
    with pytest.raises(TrialFailed, match="does not run with 64 rows: too many for me"):
        warm_up(runtime, None, [LAYOUT], 1024)


def test_warm_up_grows_to_the_cap_and_learns() -> None:
    sizes: list[int] = []

    def answer(x: Array) -> Array:
        sizes.append(len(x))
        return x[:, 0]

    runtime: Any = Fake(answer)
    curve = warm_up(runtime, regressor().artefact, [LAYOUT], 64)
    assert sorted(set(sizes)) == [rows for rows in WARM_UP_ROWS if rows <= 64]
    assert curve.seconds(64) > 0.0
    sizes.clear()
    warm_up(runtime, None, [LAYOUT], 1)
    assert set(sizes) == {1}


def test_a_bad_index_among_made_up_rows_is_told() -> None:
    data = onnx_file(
        [helper.make_node("Gather", ["table", "X"], ["Y"])],
        [("X", INT64, ["N", 1])],
        [("Y", DOUBLE, ["N", 1])],
        {"table": np.zeros(1)},
    )
    runtime = Runtime(data)
    with pytest.raises(TrialFailed, match="the model does not run with 8 rows"):
        examine(runtime, None, layouts_of(runtime))


def test_features_of_the_artefact_name_the_inputs() -> None:
    assert RowReader((Feature("a", "float64", "X"),)).layouts == (InputLayout("X", np.dtype(np.float64), (1,)),)


def found(**changed: Any) -> bytes:
    """Findings as a child sends them, with other values in places."""
    curve = CostCurve()
    curve.learn(4, 0.001)
    document = orjson.loads(Findings("0" * 64, 7, Verdict(3), curve, True).to_bytes())
    return orjson.dumps(document | changed)


def test_findings_come_back_as_they_were() -> None:
    findings = Findings.from_bytes(found())
    assert (findings.sha256, findings.size, findings.verdict) == ("0" * 64, 7, Verdict(3))
    assert findings.cost_by_rows
    assert findings.curve.seconds(4) == pytest.approx(0.001)
    assert len(Findings.from_bytes(found(verdict={"golden_rows": 0, "mixing": "x" * 10**6})).verdict.mixing or "") == (
        MAX_MIXING
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"sha256": None},
        {"size": None},
        {"size": 7.0},
        {"verdict": {"golden_rows": "3", "mixing": None}},
        {"verdict": {"golden_rows": 3, "mixing": ["no"]}},
        {"verdict": {"golden_rows": True, "mixing": None}},
        {"verdict": {"golden_rows": 3}},
        {"verdict": None},
        {"curve": {}},
        {"curve": dict.fromkeys(CostCurve().state(), -1.0)},
        {"curve": dict.fromkeys(CostCurve().state(), 1e300)},
        {"curve": dict.fromkeys(CostCurve().state(), "0")},
        {"curve": dict.fromkeys(CostCurve().state(), None)},
        {"curve": {**CostCurve().state(), "seconds": 0.0}},
        {"cost_by_rows": 1},
    ],
)
def test_findings_of_a_child_that_was_taken_over_are_none(changed: dict[str, Any]) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        Findings.from_bytes(found(**changed))
