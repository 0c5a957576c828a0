"""Pickles of scikit-learn 1.0 to 1.8, and of boosters of earlier releases: they open, and their graphs answer as those
versions did.

The answers were written down when the pickles were made, so that no environment is needed here.
"""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import numpy as np
import pytest
import sklearn

from convert.errors import OtherVersion, Refused
from convert.export import export
from convert.opening.earlier.attributes import complete, minor_of
from convert.opening.opener import OpenPolicy, open_model
from convert.original.original import Original, open_original
from convert.original.schema import describe
from convert.original.table import Table, for_graph
from convert.witness.answers import Answers, Question
from convert.witness.client import Witness
from server.artefact.runtime import Runtime
from tests.campaigns.versions import pickles
from tests.campaigns.versions.pickles import OldPickle

SETS = (*pickles.VERSIONS, *pickles.BOOSTERS)
EVERY = [pytest.param(old, id=str(old)) for made_by in SETS for old in pickles.read(made_by)]
ROLES = {"predict": ("label", "value"), "predict_proba": ("probabilities",)}


class Recorded(Witness):
    """Answers every row as the first of those that were written down, and opens nothing."""

    def __init__(self, old: OldPickle) -> None:
        self.version, self.told, self._old = old.version, "", old

    def open(self, pickled: bytes, names: object, stand_ins: object, key: str | None) -> None:
        assert (pickled, key) == (gzip_or_zlib(self._old.content), None)

    def ask(self, question: Question, table: Table) -> tuple[Answers, float]:
        rows = len(next(iter(table.values())))
        name = "value" if question.kind == "regressor" else "label"
        answers = {name: _array(self._old.answers["predict"])}
        if "predict_proba" in self._old.answers:
            answers["probabilities"] = _array(self._old.answers["predict_proba"])
        elif question.kind == "classifier":
            classes = len({str(label) for label in self._old.answers["predict"]})
            answers["scores"] = np.zeros((len(answers[name]), *((classes,) if classes > 2 else ())))
        return {key: np.repeat(values[:1], rows, axis=0) for key, values in answers.items()}, 0.0


def _array(values: list[Any]) -> Any:
    array = np.array(values)
    return array.astype(object) if array.dtype.kind == "U" else array


def opened(old: OldPickle) -> Original:
    """The original with its recorded answers."""
    witness = Recorded(old)
    return open_original(open_model(old.content, OpenPolicy(witness=witness)), witness)


def table_of(old: OldPickle, original: Original) -> Table:
    """The rows that were asked then, by column."""
    if original.form == "texts":
        return {original.names[0]: np.array(old.rows, object)}
    columns = {}
    for name, values in zip(original.names, zip(*old.rows, strict=True), strict=True):
        text = any(isinstance(value, str) for value in values)
        columns[name] = np.array(values, object if text else np.float64)
    return columns


@pytest.mark.parametrize("old", EVERY)
def test_the_graph_of_an_old_pickle_answers_as_its_own_version_did(old: OldPickle) -> None:
    if old.made_by in pickles.BOOSTERS:
        pytest.importorskip(old.made_by.partition("-")[0], reason="an optional extra")
    original = opened(old)
    features = describe(original)
    few, _ = original.witness.ask(Question(original.kind, False, "table", {}, ()), {"x": np.zeros(3)})  # type: ignore[union-attr]
    exported = export(original, features, few)
    runtime = Runtime(exported.model.SerializeToString())
    names = [output.name for output in exported.outputs]
    found = dict(zip(names, runtime.run(names, for_graph(table_of(old, original), features)), strict=True))
    for method, expected in old.answers.items():
        name = next(role for role in ROLES[method] if role in found)
        wanted = _array(expected)
        if wanted.dtype.kind == "f":
            np.testing.assert_allclose(found[name], wanted, rtol=1e-5, atol=1e-6)
        else:
            assert found[name].tolist() == wanted.tolist()


@pytest.mark.parametrize("version", pickles.VERSIONS)
def test_a_file_of_another_version_is_left_to_that_version(version: str) -> None:
    old = pickles.read(version)[0]
    with pytest.raises(OtherVersion) as refusal:
        open_model(old.content)
    assert refusal.value.version == version


def test_a_witness_of_another_version_does_not_answer_for_it() -> None:
    old, other = pickles.read("1.2.2")[0], pickles.read("1.3.2")[0]
    with pytest.raises(Refused, match=r"pickled with scikit-learn 1\.2\.2; 1\.3\.2, the one here"):
        open_model(old.content, OpenPolicy(witness=Recorded(other)))


def test_a_loss_of_several_classes_without_them_is_refused() -> None:
    old = {old.name: old for old in pickles.read("1.2.2")}["boosting-classes"]
    content = gzip_or_zlib(old.content).replace(b"classes_", b"klasses_")
    with pytest.raises(Refused, match="does not fit its classes"):
        open_model(content, OpenPolicy(any_version=True))


def gzip_or_zlib(content: bytes) -> bytes:
    """The bare pickle."""
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else zlib.decompress(content)


def test_versions_are_read_by_their_first_two_numbers() -> None:
    assert minor_of("1.2.2") == (1, 2)
    assert minor_of("1.10") == (1, 10)
    assert [minor_of(text) for text in ("pre-0.18", "1", None, 1.2, "1.2x", "../../x")] == [None] * 6


def test_todays_models_are_left_as_they_are() -> None:
    class Anything:
        def __init__(self, later: int = 1) -> None: ...

    model = Anything()
    complete(model, sklearn.__version__)
    assert vars(model) == {}
    complete(model, "1.2.2")
    assert vars(model) == {"later": 1}
