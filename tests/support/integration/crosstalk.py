"""Clients that would notice any answer that is not theirs: every row carries who asked, and the model gives it back.

The model is a keyed affine map that is exact in float64, with a key of its own per model and version.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import uvloop
from onnx import TensorProto, helper

from tests.support.integration.wire import HEAD_END, Answer, Lost, Wire, request
from tests.support.server.models import onnx_file

WIDTH = 3  # client, sequence number, nonce
KEYS = {
    ("left", "1"): (3.0, 11.0),
    ("left", "2"): (5.0, 13.0),
    ("right", "1"): (7.0, 17.0),
    ("right", "2"): (9.0, 19.0),
}
CONNECTIONS = 64
MOST_ROWS = 9
MOST_PIPELINED = 4
VANISH_SHARE = 0.05
BAD_SHARE = 0.02


def write_models(folder: Path) -> None:
    """Two models in two versions: each row times a number, plus another."""
    for (name, version), (factor, summand) in KEYS.items():
        data = onnx_file(
            [helper.make_node("Mul", ["X", "k"], ["kx"]), helper.make_node("Add", ["kx", "b"], ["y"])],
            [("X", TensorProto.DOUBLE, ["N", WIDTH])],
            [("y", TensorProto.DOUBLE, ["N", WIDTH])],
            {"k": np.array([factor]), "b": np.array([summand])},
        )
        path = folder / name / version / "model.onnx"
        path.parent.mkdir(parents=True)
        path.write_bytes(data)


@dataclass
class Tally:
    """The counts of the requests. ``wrong``: answers that were another client's, each with its request."""

    answered: int = 0
    refused: int = 0
    vanished: int = 0
    wrong: list[str] = field(default_factory=list)
    largest_batch: int = 0

    @property
    def requests(self) -> int:
        """All that were sent."""
        return self.answered + self.refused + self.vanished


@dataclass(frozen=True)
class _Question:
    data: bytes
    key: tuple[str, str]
    rows: list[list[float]]
    single: bool
    bad: bool

    def fits(self, answer: Answer) -> bool:
        """Whether the answer is that of this question, and of no other."""
        if self.bad:
            return answer.status == 422 and f"features[{len(self.rows) - 1}]".encode() in answer.body
        if answer.status != 200:
            return False
        factor, summand = KEYS[self.key]
        wanted = [[factor * value + summand for value in row] for row in self.rows]
        got = orjson.loads(answer.body)
        return bool(
            got["outputs"] == {"y": wanted[0] if self.single else wanted} and got["model_version"] == self.key[1]
        )


def _question(dice: random.Random, client: int, sequence: int) -> _Question:
    key = dice.choice(list(KEYS))
    count = dice.randint(1, MOST_ROWS)
    rows = [[float(client), float(sequence * MOST_ROWS + row), float(dice.getrandbits(40))] for row in range(count)]
    bad = count > 1 and dice.random() < BAD_SHARE * MOST_ROWS / (MOST_ROWS - 1)
    single = count == 1 and dice.random() < 0.5
    sent: list[Any] = [*rows[:-1], [*rows[-1][:-1], "x"]] if bad else rows
    path = f"/models/{key[0]}/versions/{key[1]}/predict"
    return _Question(request(path, {"features": sent[0] if single else sent}), key, rows, single, bad)


async def _client(port: int, number: int, share: int, tally: Tally) -> None:
    dice = random.Random(number)
    wire = await Wire.open(port)
    sequence = 0
    while sequence < share and not tally.wrong:
        some = [
            _question(dice, number, sequence + at)
            for at in range(min(dice.randint(1, MOST_PIPELINED), share - sequence))
        ]
        sequence += len(some)
        wire.send(b"".join(question.data for question in some))
        if dice.random() < VANISH_SHARE:
            tally.vanished += len(some)
            await wire.abandon()
            wire = await Wire.open(port)
            continue
        for question in some:
            answer = await wire.receive()
            if not question.fits(answer):
                tally.wrong.append(f"{question.data.split(HEAD_END)[1]!r} got {answer.status} {answer.body[:300]!r}")
            tally.refused += question.bad
            tally.answered += not question.bad
    await wire.abandon()


async def _all(port: int, requests: int) -> Tally:
    tally = Tally()
    share = -(-requests // CONNECTIONS)
    await asyncio.gather(*(_client(port, number, share, tally) for number in range(CONNECTIONS)))
    return tally


def ask_many(port: int, requests: int) -> Tally:
    """Sends so many requests from 64 connections at once; ends early at the first answer of another client."""
    return uvloop.run(_all(port, requests))


__all__ = ["Lost", "Tally", "ask_many", "write_models"]
