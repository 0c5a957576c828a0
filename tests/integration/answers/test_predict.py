"""The first calls a person makes, as they stand in the README, against a real server."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

import numpy as np
import orjson
import pandas
import pytest

from tests.support.integration.originals import Original
from tests.support.integration.running import Running

ROW = [5.1, 3.5, 1.4, 0.2]
NAMES = ("sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)")


@pytest.fixture(scope="module")
def probabilities(originals: dict[str, Original]) -> Any:
    """scikit-learn's probabilities of the classes for ROW."""
    return originals["iris"].estimator.predict_proba(pandas.DataFrame([ROW], columns=NAMES))[0]


def predict(server: Running, path: str, value: Any) -> Any:
    answer = server.ask("POST", path, orjson.dumps(value))
    assert answer.status == 200, answer.body
    return answer.json()


def test_a_list_answers_setosa_with_its_probability(served: Running, probabilities: Any) -> None:
    said = predict(served, "/predict", {"features": ROW})
    assert list(said) == ["prediction", "probability", "model_version"]
    assert said["prediction"] == "setosa"
    assert said["probability"] == pytest.approx(max(probabilities), abs=1e-5)
    assert said["model_version"] == "1"


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl here")
def test_the_curl_call_of_the_readme(served: Running) -> None:
    command = ["curl", "-sS", f"localhost:{served.port}/predict", "-H", "content-type: application/json"]
    done = subprocess.run([*command, "-d", '{"features":[5.1,3.5,1.4,0.2]}'], capture_output=True, check=True)
    assert orjson.loads(done.stdout) == predict(served, "/predict", {"features": ROW})


def test_a_row_by_name_in_any_order_gets_the_same_answer(served: Running) -> None:
    named = dict(reversed(list(zip(NAMES, ROW, strict=True))))
    assert predict(served, "/predict", {"features": named}) == predict(served, "/predict", {"features": ROW})


def test_many_rows_get_lists_even_if_there_is_one(served: Running, originals: dict[str, Original]) -> None:
    table = originals["iris"].table
    said = predict(served, "/predict", {"features": table.to_numpy().tolist()})
    assert said["prediction"] == originals["iris"].estimator.predict(table).tolist()
    best = originals["iris"].estimator.predict_proba(table).max(axis=1)
    assert np.allclose(said["probability"], best, rtol=0, atol=1e-5)
    assert predict(served, "/predict", {"features": [ROW]})["prediction"] == ["setosa"]


def test_probabilities_are_given_by_class_when_asked_for(served: Running, probabilities: Any) -> None:
    said = predict(served, "/predict", {"features": ROW, "probabilities": True})["probabilities"]
    assert list(said) == ["setosa", "versicolor", "virginica"]
    assert list(said.values()) == pytest.approx(list(probabilities), abs=1e-5)


def test_probabilities_of_a_regressor_are_refused(served: Running) -> None:
    row = list(served.ask("GET", "/models/diabetes").json()["example"].values())
    body = orjson.dumps({"features": row, "probabilities": True})
    answer = served.ask("POST", "/models/diabetes/predict", body)
    assert (answer.status, answer.json()["code"]) == (422, "invalid_input")


@pytest.mark.parametrize("name", ["iris", "diabetes", "breast-cancer", "churn"])
def test_every_route_of_a_model_gives_the_same_answer(served: Running, name: str) -> None:
    example = {"features": served.ask("GET", f"/models/{name}").json()["example"]}
    said = predict(served, f"/models/{name}/predict", example)
    assert said == predict(served, f"/models/{name}/versions/1/predict", example)


def test_labels_keep_their_own_type(served: Running) -> None:
    example = served.ask("GET", "/models/churn").json()["example"]
    said = predict(served, "/models/churn/predict", {"features": example, "probabilities": True})
    assert type(said["prediction"]) is bool
    assert list(said["probabilities"]) == ["false", "true"]


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/openapi.json", "/models", "/models/iris", "/health", "/v2/health/ready", "/metrics"]
)
def test_head_is_get_without_its_body(served: Running, path: str) -> None:
    got, head = served.ask("GET", path), served.ask("HEAD", path)
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-type"] == got.headers["content-type"]
    assert int(head.headers["content-length"]) > 0


def test_the_root_is_json_for_curl_and_the_page_for_a_browser(served: Running) -> None:
    said = served.ask("GET", "/").json()
    assert said["name"] == "dynonnx"
    assert all(served.ask("GET", said[key]).status == 200 for key in ("docs", "openapi", "models", "metrics"))
    page = served.ask("GET", "/", headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert page.headers["content-type"].startswith("text/html")
    assert page.body == served.ask("GET", "/docs").body


def test_it_answers_on_ipv6_too(served: Running) -> None:
    assert served.ask("GET", "/health", host="::1").json() == {"status": "ok"}
