"""One client floods and others are polite: the flood is refused, and nobody else notices; row 37."""

from __future__ import annotations

import orjson
import pytest

from tests.support.integration.targets import Target
from tests.support.server import models
from tests.support.server.doors import ROW, post

PER_SECOND = 5
MODELS = {"iris": models.classifier}
SETTINGS = {"QUOTA": str(PER_SECOND), "FORWARDED": "1"}
GOLDEN = post(ROW, "/predict", b"X-Forwarded-For: 203.0.113.99")
FLOOD = 100


def asked_by(client: int, path: str, forged: str = "") -> bytes:
    return post(ROW, path, f"X-Forwarded-For: {forged}203.0.113.{client}".encode())


@pytest.mark.fault(37)
@pytest.mark.parametrize(("number", "path"), [(1, "/predict"), (2, "/models/iris/predict"), (3, "/invocations")])
def test_the_flooder_is_refused_and_the_polite_client_never(target: Target, number: int, path: str) -> None:
    refused = 0
    for sent in range(FLOOD):
        answer = target.ask(asked_by(number, path, forged=f"{sent}.1.1.1, "))
        if answer.status == 429:
            assert orjson.loads(answer.body)["code"] == "quota"
            assert int(answer.headers["retry-after"]) >= 1
            refused += 1
        if sent % (FLOOD // PER_SECOND) == 0:
            assert target.ask(asked_by(number + 100, "/predict")).status == 200
    assert refused > 0


def test_a_refused_request_leaves_its_connection_open_and_its_body_is_no_request(target: Target) -> None:
    client = target.connect()
    answers = [client.send(asked_by(50, "/predict")).read() for _ in range(4 * PER_SECOND)]
    client.close()
    assert {answer.status for answer in answers} == {200, 429}
