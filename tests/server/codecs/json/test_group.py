"""The group of JSON requests: names of any kind, and the same answer in slices."""

from __future__ import annotations

import numpy as np
import pytest

from server.artefact.tensors import TensorSpec
from server.codecs.json.answers import group_of_outputs
from server.codecs.json.fields import anything, by_class, labels, values
from server.codecs.json.group import OUTPUTS_AT_ONCE, JsonGroup
from server.codecs.slices import SLICE_ITEMS
from tests.support.server.codecs.answers import bodies
from tests.support.server.decoding import Decoded


def test_versions_and_names_may_hold_percent_signs_and_quotes() -> None:
    group = group_of_outputs([TensorSpec('100%b"', np.dtype(np.float32), (None, 1))], "1.0%s", [], "outputs")
    assert bodies(group, [np.array([[1.5]], np.float32)]) == [{"outputs": {'100%b"': [1.5]}, "model_version": "1.0%s"}]


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("within", [None, '100%b"'])
def test_an_answer_in_slices_is_the_same(alone: bool, within: str | None) -> None:
    rows = 1 if alone else 5
    random = np.random.default_rng(0)
    outputs = [np.array(["a", "b", "a", "b", "b"], np.object_)[:rows], random.normal(size=(rows, 2))]
    outputs += [random.normal(size=(rows, 3 * SLICE_ITEMS)), random.normal(size=(rows, 1)), random.normal(size=(rows,))]
    fields = {"label": labels(0, ("a", "b")), "%b": by_class(1, ("a", "b")), "wide": values(2), "one": values(3)}
    group = JsonGroup([], [], fields | {"own": anything(3), "flat": anything(4)}, "1%", within)
    entry = Decoded()
    entry.request, entry.rows = ((), alone), rows
    assert len(list(group.deliver_in_slices(entry, outputs))) > 3
    assert entry.body == (group.body(group.encode(outputs), 0) if alone else group.whole(outputs))


def test_of_many_outputs_some_are_answered_at_a_time() -> None:
    specs = [TensorSpec(f"o{number}", np.dtype(np.float32), (None, 1)) for number in range(5 * OUTPUTS_AT_ONCE)]
    group = group_of_outputs(specs, "1", [], "outputs")
    outputs = [np.full((1, 1), number, np.float32) for number in range(len(specs))]
    entry = Decoded()
    entry.request, entry.rows = ((), True), 1
    assert len(list(group.deliver_in_slices(entry, outputs))) >= 5
    assert entry.body == group.body(group.encode(outputs), 0)
