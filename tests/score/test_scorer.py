"""A scored table has, to the bit, the numbers of the server's own answers, and its words for what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import onnx
import orjson
import pytest

pa = pytest.importorskip("pyarrow", reason="scoring needs pyarrow: make test-scale")

from score.errors import Refused  # noqa: E402
from score.scorer import Scorer, find_model, open_model  # noqa: E402
from server.models.repository import Model  # noqa: E402
from tests.score.tables import MODELS, example, rows_like_golden  # noqa: E402
from tests.support.server.decoding import decode  # noqa: E402

TYPE = {
    "float64": pa.float64(),
    "float32": pa.float32(),
    "int64": pa.int64(),
    "bool": pa.bool_(),
    "string": pa.string(),
}


def batch_of(model: Model, rows: list[dict[str, Any]]) -> Any:
    assert model.artefact is not None
    types = {feature.name: TYPE[feature.dtype] for feature in model.artefact.features}
    arrays = [pa.array([row[name] for row in rows], type_) for name, type_ in types.items()]
    return pa.RecordBatch.from_arrays([*arrays, pa.array(range(len(rows)))], [*types, "id"])


def served(model: Model, rows: list[dict[str, Any]], probabilities: bool) -> dict[str, Any]:
    """What `/predict` answers to the rows as one request."""
    assert model.predict is not None
    wanted: dict[str, Any] = {"probabilities": True} if probabilities else {}
    entry = decode(model.predict, orjson.dumps({"features": rows, **wanted}))
    group = entry.group
    group.deliver([entry], model.runtime.run(group.outputs, group.feed([entry], None, entry.rows)))
    answer: dict[str, Any] = orjson.loads(entry.body or b"")
    return answer


@pytest.mark.parametrize("name", ["iris", "diabetes", "breast-cancer", "churn"])
def test_answers_are_those_of_the_server(name: str) -> None:
    model = example(name)
    assert model.artefact is not None
    rows = rows_like_golden(model, 2000)
    several = bool(model.artefact.classes)
    answer = served(model, rows, several)
    scorer = Scorer(model, ["id"], texts=False, probabilities=several)
    scored = scorer.score(batch_of(model, rows))
    columns = scored.answers.to_pydict()
    assert not scored.refused.num_rows
    assert columns.pop("id") == list(range(2000))
    assert columns.pop("prediction") == answer["prediction"]
    if several:
        assert columns.pop("probability") == answer["probability"]
        for label in answer["probabilities"][0]:
            assert columns.pop(f"probabilities[{label}]") == [row[label] for row in answer["probabilities"]]
    assert not columns


def test_more_rows_than_a_run_has_are_answered_as_in_one() -> None:
    model = example("breast-cancer")
    rows = rows_like_golden(model, 9000)
    answers = Scorer(model, [], texts=False, probabilities=False).score(batch_of(model, rows)).answers.to_pydict()
    answer = served(model, rows, False)
    assert answers == {key: answer[key] for key in ("prediction", "probability")}


def test_refused_rows_are_told_apart_with_their_keys() -> None:
    model = example("iris")
    rows = rows_like_golden(model, 5)
    first = next(iter(rows[0]))
    rows[1][first] = float("inf")
    rows[3][first] = None
    scored = Scorer(model, ["id"], texts=False, probabilities=False).score(batch_of(model, rows))
    assert scored.answers.column("id").to_pylist() == [0, 2, 4]
    assert scored.refused.to_pydict() == {
        "row": [1, 3],
        "id": [1, 3],
        "reason": [
            f"feature '{first}': expected a finite number",
            f"feature '{first}': expected a number, got null",
        ],
    }


def test_a_batch_of_refused_rows_alone_has_answers_of_the_same_columns() -> None:
    model = example("churn")
    scorer = Scorer(model, ["id"], texts=False, probabilities=True)
    rows = rows_like_golden(model, 3)
    whole = scorer.score(batch_of(model, rows)).answers
    for row in rows:
        row["monthly charge"] = float("-inf")
    none = scorer.score(batch_of(model, rows)).answers
    assert none.num_rows == 0
    assert none.schema == whole.schema


def test_a_key_that_has_the_name_of_an_answer_is_refused() -> None:
    with pytest.raises(Refused, match="'prediction' is the name of an answer"):
        Scorer(example("iris"), ["prediction"], texts=False, probabilities=False)


def test_the_model_is_found_as_the_server_finds_it(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="holds no model"):
        find_model(tmp_path, None, None)
    for name, version in (("iris", "2"), ("iris", "10"), ("churn", "1")):
        (tmp_path / name / version).mkdir(parents=True)
        shutil.copy(MODELS / name / "1" / "model.onnx", tmp_path / name / version)
    with pytest.raises(Refused, match="several models: name one with --model: churn, iris"):
        find_model(tmp_path, None, None)
    assert find_model(tmp_path, "iris", None).version == "10"
    assert find_model(tmp_path, "iris", "2").version == "2"
    with pytest.raises(Refused, match="no iris 3; there is churn 1, iris 2, iris 10"):
        find_model(tmp_path, "iris", "3")
    model = open_model(find_model(tmp_path, "iris", None), 1)
    assert (model.name, model.version) == ("iris", "10")


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(Refused, match=r"bad\.onnx"):
        open_model(find_model(tmp_path, "bad", None), 1)


def test_a_file_without_our_metadata_is_refused(tmp_path: Path) -> None:
    plain = onnx.load(MODELS / "iris" / "1" / "model.onnx")
    del plain.metadata_props[:]
    onnx.save(plain, tmp_path / "plain.onnx")
    with pytest.raises(Refused, match="names no features"):
        open_model(find_model(tmp_path, "plain", None), 1)
