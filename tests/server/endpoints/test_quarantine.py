"""A model whose runs do not end: each is stopped at its deadline, then the version is quarantined, and all say so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from server.batching.runs.quarantine import STRIKES
from tests.support.models.endless_models import ENDLESS_ROW, SHORT_ROW, counting
from tests.support.server.doors import DOORS, Door, get, open_door, post
from tests.support.server.models import plain

COUNTING, OTHER = "/models/counting/predict", "/models/plain/predict"
OTHER_ROW = b'{"features":[[1,2,3]]}'


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Door]:
    models = {"counting": counting(), "plain": plain()}
    with open_door(request.param, tmp_path, models, DEADLINE_MS="200") as opened:
        opened.app.assemble()  # else a client who leaves at once has left before its request is read
        yield opened


def code_of(door: Door, data: bytes) -> str:
    return str(orjson.loads(door.ask(data).body).get("code", "none"))


@pytest.mark.fault(52)
def test_a_run_that_does_not_end_is_stopped_and_holds_up_nobody_else(door: Door) -> None:
    waiting = door.connect().send(post(ENDLESS_ROW, COUNTING))
    assert door.ask(get("/health")).status == 200
    assert door.ask(post(OTHER_ROW, OTHER)).status == 200
    answer = waiting.read()
    assert (answer.status, orjson.loads(answer.body)["code"]) == (504, "deadline_exceeded")
    waiting.close()
    answer = door.ask(post(SHORT_ROW, COUNTING))
    assert (answer.status, orjson.loads(answer.body)) == (200, {"outputs": {"Y": [[3.0]]}, "model_version": "1"})
    assert b'dynonnx_stopped_runs_total{model="counting",version="1"} 1.0' in door.ask(get("/metrics")).body


def test_a_client_who_leaves_costs_its_run_no_longer(door: Door) -> None:
    door.connect().send(post(ENDLESS_ROW, COUNTING)).close()
    while b'dynonnx_stopped_runs_total{model="counting",version="1"}' not in door.ask(get("/metrics")).body:
        pass
    assert door.ask(post(SHORT_ROW, COUNTING)).status == 200


@pytest.mark.fault(52)
def test_after_some_such_runs_the_version_is_quarantined_and_every_route_says_so(door: Door) -> None:
    codes = [code_of(door, post(ENDLESS_ROW, COUNTING)) for _ in range(STRIKES)]
    assert set(codes) == {"deadline_exceeded"}
    for _ in range(10 * STRIKES):  # a run that a busy machine began late was stopped early, and is no strike
        if code_of(door, post(ENDLESS_ROW, COUNTING)) == "model_unavailable":
            break
    for _ in range(3):  # the first may still be decoded, the others are refused by their heads
        assert code_of(door, post(SHORT_ROW, COUNTING)) == "model_unavailable"
    assert door.ask(post(OTHER_ROW, OTHER)).status == 200
    rows = {row["name"]: row for row in orjson.loads(door.ask(get("/models")).body)["models"]}
    assert rows["plain"]["ready"]
    assert not rows["counting"]["ready"]
    assert "outlasted the deadline" in rows["counting"]["reason"]
    described = orjson.loads(door.ask(get("/models/counting")).body)
    assert (described["ready"], described["reason"]) == (False, rows["counting"]["reason"])
    ready = door.ask(get("/v2/models/counting/ready"))
    assert (ready.status, orjson.loads(ready.body)["code"]) == (503, "model_unavailable")
    assert "outlasted" in orjson.loads(ready.body)["error"]
    assert door.ask(get("/v2/models/plain/ready")).status == 200
    assert door.ask(get("/v2/health/ready")).status == 200, "another model serves"
    index = orjson.loads(door.ask(post(b"{}", "/v2/repository/index")).body)
    assert {row["name"]: row["state"] for row in index} == {"counting": "UNAVAILABLE", "plain": "READY"}
    index = orjson.loads(door.ask(post(b'{"ready":true}', "/v2/repository/index")).body)
    assert [row["name"] for row in index] == ["plain"]
    door.app.endpoints.lift_quarantine("plain")
    assert code_of(door, post(SHORT_ROW, COUNTING)) == "model_unavailable"
    door.app.endpoints.lift_quarantine("counting")
    assert door.ask(post(SHORT_ROW, COUNTING)).status == 200
    assert door.ask(get("/v2/models/counting/ready")).status == 200


def test_where_every_model_is_quarantined_the_server_is_not_ready(door: Door) -> None:
    for model in door.app.endpoints.repository:
        block = door.app.endpoints.scoreboard.blocks[model.name, model.version]
        for _ in range(STRIKES):
            door.app.endpoints.quarantine.record(block).strike(1.0)
    for path in ("/v2/health/ready", "/ping"):
        answer = door.ask(get(path))
        assert (answer.status, orjson.loads(answer.body)["code"]) == (503, "model_unavailable")
    assert door.ask(get("/health")).status == 200


def test_an_older_version_does_not_serve_in_the_place_of_a_quarantined_one(tmp_path: Path) -> None:
    made = plain()
    (tmp_path / "m" / "2").mkdir(parents=True)
    (tmp_path / "m" / "2" / "model.onnx").write_bytes(made.data)
    with open_door("two", tmp_path, {"m": made}) as door:
        record = door.app.endpoints.quarantine.record(door.app.endpoints.scoreboard.blocks["m", "2"])
        for _ in range(STRIKES):
            record.strike(1.0)
        assert code_of(door, post(OTHER_ROW, "/models/m/predict")) == "model_unavailable"
        assert code_of(door, post(OTHER_ROW, "/predict")) == "model_unavailable"
        assert door.ask(post(OTHER_ROW, "/models/m/versions/1/predict")).status == 200
