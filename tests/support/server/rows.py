"""Entries whose rows say whose they are, so that a row in the wrong place shows, and a model that checks them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import orjson

from server.artefact.runtime import Feed
from server.artefact.tensors import Array, InputLayout
from server.batching.batch import Batch, deliver, whole_answers
from server.batching.entry import Entry
from server.codecs.json.fields import values
from server.codecs.json.group import JsonGroup
from server.errors import ServerError

LAYOUTS = (InputLayout("X", np.dtype(np.float64), (2,)), InputLayout("S", np.dtype(np.object_), (1,)))
GROUPS = tuple(JsonGroup(LAYOUTS, ["y"], {"y": values(0)}, str(number)) for number in range(3))


class NumbersEntry(Entry):
    """A request whose rows hold its own number and theirs, so that a row in the wrong place shows."""

    def __init__(self, number: int, rows: int, group: JsonGroup = GROUPS[0], single: bool = False) -> None:
        own = [[float(number), float(row)] for row in range(rows)]
        super().__init__()
        self.number = number
        self.group = group
        self.request = ((np.array(own).tobytes(), [f"{number}/{row}" for row in range(rows)]), single)
        self.rows = rows
        self.single = single
        self.deadline = 0.0
        self.arrived = 0.0
        self.answers: list[bytes] = []
        self.errors: list[ServerError] = []

    def answer(self, body: bytes) -> None:
        self.answers.append(body)

    def refuse(self, error: ServerError) -> None:
        self.errors.append(error)

    @property
    def due(self) -> bytes:
        """The one answer it must get."""
        values = [self.number * 1000 + row for row in range(self.rows)]
        body = {"y": values[0] if self.single else values, "model_version": GROUPS.index(self.group)}
        return orjson.dumps({"y": body["y"], "model_version": str(body["model_version"])})


def model(feed: Feed) -> list[Array]:
    """The numbers of entry and row in one value, after a check that both inputs have the same."""
    x, s = feed["X"], feed["S"]
    assert [f"{int(number)}/{int(row)}" for number, row in x.tolist()] == s[:, 0].tolist()
    return [(x[:, 0] * 1000 + x[:, 1]).astype(np.int64)]


def answer(batch: Batch, outputs: Sequence[Array]) -> None:
    """Answers what is complete."""
    if (answers := whole_answers(batch, outputs)) is not None:
        deliver(*answers)
