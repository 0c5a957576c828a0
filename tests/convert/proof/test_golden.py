"""Golden rows: those that a person would call ordinary come first."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.dummy import DummyClassifier

from convert.job import Converted
from convert.proof.golden import golden, ordinary_first
from server.artefact.metadata import Output


def test_ordinary_rows_are_published_first() -> None:
    table = {"months": np.array([-9.6, 20.0, 31.0]), "word": np.array(["a", "", "b"], object)}
    change = {"change": np.array([-1.0, 0.9, 0.2])}
    assert ordinary_first(table, np.ones(3, np.bool_)).tolist() == [2, 0, 1]
    assert ordinary_first(change, np.ones(3, np.bool_))[:2].tolist() == [0, 1]
    assert ordinary_first(table, np.array([True, True, False])).tolist() == [0, 1]


def test_documents_begin_with_those_that_anyone_would_type() -> None:
    texts = [
        "WAS ça-team àñd.",
        "moon",
        "the crew of the moon",
        "COOK-LAUNCH and OF\tto",
        "salt, bread and soup.",
        None,
    ]
    table = {"kind": np.array(["x", "y"] * 3, object), "text": np.array(texts, object)}
    every = np.ones(6, np.bool_)
    assert ordinary_first(table, every).tolist() == [2, 4, 0, 1, 3, 5]
    many = {"text": np.array(["odd ÉÉ it IS", *["the moon is up"] * 6], object)}
    assert ordinary_first(many, np.ones(7, np.bool_)).tolist() == [1, 2, 3, 4, 0, 5, 6]


def test_no_golden_row_hangs_on_an_accident() -> None:
    groups = {"usual": {"x": np.arange(20.0)}}
    accidents = {"usual": np.arange(20) % 2 == 0}
    answers = {"usual": {"value": np.arange(20.0)}}
    rows = golden(groups, answers, accidents, [Output("value", "value")], lambda table: table["x"]).rows
    assert rows == tuple((float(odd),) for odd in range(1, 20, 2))


def test_where_every_label_is_a_tie_those_are_published_that_the_file_answers_so() -> None:
    groups = {"usual": {"x": np.arange(200.0)}}
    answers = {"usual": {"label": np.zeros(200, np.int64), "probabilities": np.full((200, 2), 0.5)}}
    outputs = [Output("label", "label"), Output("probabilities", "probabilities")]
    rows = golden(groups, answers, {}, outputs, lambda table: (table["x"] % 2).astype(np.int64)).rows
    assert sorted(rows) == [(float(even),) for even in range(0, 16, 2)]


def test_a_dummy_that_is_undecided_has_golden_rows(agrees: Callable[..., Converted]) -> None:
    done = agrees(DummyClassifier().fit(np.zeros((4, 1)), [0, 1, 0, 1]))
    assert len(done.artefact.golden.rows) == 16
