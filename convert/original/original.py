"""Owns the original model as the oracle: its kind, its classes, its answers. Knows nothing of ONNX."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from convert.errors import Refused
from convert.inside import DEEPEST, is_bottomless
from convert.original.hints.column_hints import ColumnHint, number_texts
from convert.original.hints.own_columns import learn_columns
from convert.original.hints.visiting import find_hints
from convert.original.hints.wordlist import invented
from convert.original.own_rows import answers_values, keep_taken, texts_told_by
from convert.original.self_description import Form, form_of, given_names, kind_of, last_step, width_of
from convert.original.table import Table, length
from convert.original.usual import usual_row
from convert.tracing.inputs import infer_columns
from convert.tracing.steps import own_steps
from convert.witness import answers
from convert.witness.answers import Question
from convert.witness.client import Witness
from convert.witness.frame import Categories
from server.artefact.metadata import Kind, Scalar

ANYTHING = ("whatever it was", None, 1.5, True)  # what a client may send in a column that the model drops
ANY_TEXT = ANYTHING[:2]  # of it what a table can carry to another process
NO_DATA: Mapping[str, bool] = MappingProxyType({})
NO_TEXTS: Mapping[str, Sequence[str]] = MappingProxyType({})
SAMPLE_ROWS = 40  # over which a person's own steps are recorded
Answers = answers.Answers


@dataclass(frozen=True, slots=True)
class Original:
    """A fitted estimator with what must be known to ask it.

    Where another scikit-learn wrote it, the ``witness`` answers, and ``model`` is only what the graph is made of.
    """

    model: Any
    kind: Kind
    names: tuple[str, ...]
    named: bool
    hints: tuple[ColumnHint, ...]  # what the model gives away of each column
    form: Form = "table"  # what a row is to it: those of texts and of labels have one column
    unread: tuple[tuple[int, str], ...] = ()  # columns that it drops, which are not in ``names``: where, and their name
    witness: Witness | None = None
    alone: bool = False  # whether each row is asked by itself, as those beside it change its answer
    own_texts: bool = False  # whether texts are put to it as pandas holds them by itself, in place of objects

    def ask(self, table: Table) -> Answers:
        """Everything a file of this model answers, for these rows. Raises what the model raises."""
        return self._ask(table, self.alone)[0]

    def ask_together(self, table: Table) -> Answers:
        """The same in one question about all rows, whatever their company does to them."""
        return self._ask(table, alone=False)[0]

    def seconds(self, table: Table) -> float:
        """How long the model itself takes to answer these rows, in one question."""
        return self._ask(table, alone=False)[1]

    def _ask(self, table: Table, alone: bool) -> tuple[Answers, float]:
        held = (self._native(), self._nones(), self._dates(), alone, self.own_texts, self._flags())
        question = Question(self.kind, self.named, self.form, *held)
        if self.witness is not None:
            return self.witness.ask(question, self._whole(table, ANY_TEXT))
        return answers.ask(self.model, question, self._whole(table, ANYTHING))

    def _whole(self, table: Table, filling: tuple[object, ...]) -> Table:
        """The rows with the columns that it drops in their places, filled with anything."""
        columns = list(table.items())
        for position, name in self.unread:
            columns.insert(position, (name, np.resize(np.array(filling, object), length(table))))
        return dict(columns)

    def _native(self) -> dict[str, Categories]:
        named = zip(self.names, self.hints, strict=True)
        return {name: Categories(tuple(dict.fromkeys(hint.known)), hint.closed) for name, hint in named if hint.native}

    def _nones(self) -> frozenset[str]:
        return frozenset(name for name, hint in zip(self.names, self.hints, strict=True) if hint.missing is None)

    def _flags(self) -> frozenset[str]:
        return frozenset(name for name, hint in zip(self.names, self.hints, strict=True) if hint.flags)

    def _dates(self) -> dict[str, str]:
        return {name: hint.dates for name, hint in zip(self.names, self.hints, strict=True) if hint.dates}

    @property
    def unsure(self) -> tuple[str, ...]:
        """The columns of which nothing tells whether they hold texts or numbers."""
        return tuple(name for name, hint in zip(self.names, self.hints, strict=True) if hint.unsure)

    def accepts(self, table: Table) -> bool:
        """Whether the original answers these rows at all."""
        try:
            self.ask(table)
        except Refused:  # it is not there any more
            raise
        except Exception:  # noqa: BLE001  whatever it raises, it does not take them
            return False
        return True

    def classes(self, answered: Answers) -> tuple[Scalar, ...] | tuple[tuple[Scalar, ...], ...] | None:
        """The classes with their own type, one tuple per target where there are several targets in ``answered``."""
        given = getattr(self.model, "classes_", None) if self.kind == "classifier" else None
        if given is None:  # a mixture's probabilities are those of its components, by number
            if "probabilities" not in answered:
                return None
            if answered["label"].dtype.kind == "O":
                raise Refused(
                    f"this {type(last_step(self.model)).__name__} answers texts, and does not say of which of them each"
                    " of its probabilities is",
                    "model.classes_ = [...], the labels in the order of predict_proba's columns, and pickle it again",
                )
            return tuple(range(answered["probabilities"].shape[1]))
        if isinstance(given, list):
            number = float if answered["label"].dtype.kind == "f" else None  # chains answer so, whatever their classes
            return tuple(tuple(np.asarray(target, number).tolist()) for target in given)
        labels = answered["label"].shape[1:]
        return (
            ((0, 1),) * labels[0] if labels else tuple(np.asarray(given).tolist())
        )  # a set of labels: each is there or not


def open_original(
    model: Any,
    witness: Witness | None = None,
    method: str = "",
    data: Mapping[str, bool] = NO_DATA,
    booleans: Collection[str] = (),
    given: Mapping[str, Sequence[str]] = NO_TEXTS,
) -> Original:
    """What kind of model this is, and how wide; who answers for it. Raises Refused for what is no fitted estimator.

    ``method`` "transform": it answers as a transformer, though it predicts as well. ``data`` names the columns of a
    person's rows and says which hold texts; it is believed where the model does not tell its own. ``booleans`` names
    those that hold booleans, ``given`` are their texts, by column.
    """
    original = _opened(model, witness, data, booleans, given)
    if not method:
        return original
    if not hasattr(model, method):
        raise Refused(f"this {type(model).__name__} has no {method}", f"leave --method {method} out")
    return replace(original, kind="transformer")


def _opened(
    model: Any,
    witness: Witness | None,
    data: Mapping[str, bool],
    booleans: Collection[str],
    given: Mapping[str, Sequence[str]],
) -> Original:
    if is_bottomless(model):
        raise Refused(
            f"this {type(model).__name__} contains itself, or more than {DEEPEST} layers of estimators",
            "fit and pickle it again with fewer layers, each an estimator of its own",
        )
    form, alone = form_of(model, tuple(data))
    if form != "table":
        hints = tuple(find_hints(model, len(alone)))
        for name, hint in zip(alone, hints, strict=True):
            if form == "records" and data.get(name) and not hint.known:
                hint.text, hint.words = True, invented()
        return Original(model, kind_of(model), alone, form == "records", hints, form, witness=witness)
    if not hasattr(model, "predict") and not hasattr(model, "transform"):
        raise _no_answers(model)
    width, told = width_of(model), given_names(model)
    texts: tuple[str, ...] = ()
    if width is None:
        width, told, texts = _inferred(model, data)
    names = tuple(f"x{i}" for i in range(width)) if told is None else tuple(str(name) for name in told)
    if len(set(names)) != len(names) or "" in names:
        raise Refused("column names are empty or appear twice", "fit on a table whose columns have distinct names")
    original = Original(model, kind_of(model), names, told is not None, (), witness=witness)
    return _with_hints(original, texts, booleans, given, data)


def _inferred(model: Any, data: Mapping[str, bool]) -> tuple[int, Any, tuple[str, ...]]:
    """How many columns there are, their names, and which hold texts, where own steps see them first. Raises Refused."""
    found = infer_columns(
        model,
        texts_told_by,
        [name for name, text in data.items() if not text],
    )
    if found is not None and isinstance(found[0], int):
        return found[0], None, ()
    if found is not None and not isinstance(found[0], int) and (not data or set(found[0]) <= data.keys()):
        return len(found[0]), found[0], tuple(found[1])
    if any(own_steps(model)):
        if data:
            return len(data), list(data), ()
        raise Refused(
            f"this {type(model).__name__} does not tell which columns it was fitted on: its first step is of your own"
            " code, which did not write them down, and what follows does not show them",
            "give rows with those columns: --data ROWS.csv",
        )
    if hasattr(model, "n_outputs_"):  # a DummyClassifier or DummyRegressor, which takes rows of any shape
        if data:
            return len(data), list(data), ()
        raise Refused(
            f"this {type(model).__name__} does not tell how many columns it was fitted on",
            "give rows with those columns: --data ROWS.csv; or fit it on a table",
        )
    raise Refused(f"this {type(model).__name__} is not fitted", "call fit before pickling")


def mark_booleans(names: Sequence[str], hints: Sequence[ColumnHint], booleans: Collection[str]) -> None:
    """A model does not remember which of its numbers were booleans; that these columns were is said elsewhere."""
    for name, hint in zip(names, hints, strict=True):
        if name in booleans and not hint.text and {*hint.known} <= {0, 1}:
            hint.boolean, hint.known = True, []


def _no_answers(model: Any) -> Refused:
    kind = type(model)
    if kind.__name__ == "LocalOutlierFactor":
        return Refused("a LocalOutlierFactor answers no new rows", "fit it with novelty=True")
    if hasattr(model, "get_params"):
        return Refused(
            f"this {kind.__name__} has neither predict nor transform: it answers no new rows",
            "fit it with refit=True"
            if hasattr(model, "refit")
            else "fit and pickle an estimator that has one of these",
        )
    return Refused(
        f"the file holds a {kind.__module__}.{kind.__qualname__}, not a scikit-learn estimator",
        "pickle the fitted estimator itself",
    )


def _with_hints(
    original: Original,
    texts: Sequence[str],
    booleans: Collection[str],
    given: Mapping[str, Sequence[str]],
    data: Mapping[str, bool] = NO_DATA,
) -> Original:
    """With what the model gives away of its columns, its own steps among it; these see ``given`` texts as they are.

    ``data``: as of `open_original`.
    """
    given = given if any(own_steps(original.model)) else NO_TEXTS

    def find() -> list[ColumnHint]:
        told = [(data.get(name) is False, [*given.get(name, ())]) for name in original.names]
        hints = find_hints(original.model, len(original.names), told)
        for name, hint in zip(original.names, hints, strict=True):
            hint.text = hint.text or name in texts or (bool(given.get(name)) and not hint.dates)
            hint.given = ([*given.get(name, ())] or number_texts(hint)) if hint.text else []
            hint.known = hint.known or [*hint.supposed]
        mark_booleans(original.names, hints, booleans)  # own code answers them otherwise than numbers
        return hints

    def ask(hints: list[ColumnHint]) -> Answers:
        row = usual_row(original.names, hints)
        return replace(original, hints=tuple(hints)).ask({name: np.resize(v, SAMPLE_ROWS) for name, v in row.items()})

    learned = replace(original, hints=tuple(learn_columns(original.model, find, ask)))
    keep_taken(learned)
    return replace(learned, kind="regressor") if answers_values(learned) else learned
