"""Owns the choice of the rows that a file publishes with their answers. Knows nothing of how they were made up."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from convert.graph.graph import Array
from convert.original.original import Answers
from convert.original.table import Table, as_json, length, rows_at, stacked
from convert.proof.measure import TIE, margins
from convert.proof.rows.usual import ODD_TEXTS
from server.artefact.metadata import Golden, Output

GOLDEN_ROWS = 16
WITH_MISSING = 2  # of these, where values may be missing
PLAIN_DOCUMENTS = 4  # of these come first: the others have accents, capitals and blanks on purpose
PLAIN = re.compile(r"[a-z]+(,? [a-z]+){2,}[.]?")
WORDS = re.compile(r"\w+\W+\w+\W+\w")


def golden(
    groups: Mapping[str, Table],
    expected: Mapping[str, Answers],
    accidents: Mapping[str, Array],
    outputs: Sequence[Output],
    labels: Callable[[Table], Array],
) -> Golden:
    """Usual rows first, then a few with missing values; none whose label is a tie or whose answer is an accident.

    Where every label is a tie, as a dummy's may be, rows are taken to which the file's own ``labels`` are the same.
    """
    with_missing = WITH_MISSING if "missing" in groups else 0
    tables, golden_answers = [], []
    for group, count in (("usual", GOLDEN_ROWS - with_missing), ("missing", with_missing)):
        if count:
            answers = expected[group]
            clear = _clear(groups[group], answers, labels)
            if group in accidents:
                clear &= ~accidents[group]
            chosen = ordinary_first(groups[group], clear)[:count]
            tables.append(rows_at(groups[group], chosen))
            golden_answers.append({name: values[chosen] for name, values in answers.items()})
    joined = stacked(golden_answers)
    lists = {output.name: values.tolist() for output, values in zip(outputs, joined.values(), strict=True)}
    return Golden(as_json(stacked(tables)), lists)


def _clear(table: Table, answers: Answers, labels: Callable[[Table], Array]) -> Array:
    """[rows] whether the label is beyond doubt."""
    clear = np.ones(length(table), np.bool_)
    if "label" not in answers:
        return clear
    untied = margins(answers) >= TIE
    if untied.any():
        return untied
    few = np.arange(len(clear)) < GOLDEN_ROWS
    same = labels(rows_at(table, few)) == answers["label"][few]
    clear[few] = same.reshape(len(same), -1).all(axis=1)
    return clear & few


def ordinary_first(table: Table, clear: Array) -> Array:
    """The positions of the rows that are ``clear`` [rows], ordinary ones first.

    Odd are texts made to be so, and negative numbers in a column that is mostly positive: nobody is -9.6 months old.
    """
    odd = np.zeros(len(clear), np.bool_)
    for column in table.values():
        if column.dtype == object:
            odd |= np.array([value in ODD_TEXTS for value in column], np.bool_)
        elif column.dtype.kind == "f" and np.isfinite(column).any():
            odd |= (column < 0) & (np.nanmean(column) > np.nanstd(column) / 2)
    positions = np.flatnonzero(clear)
    positions = positions[np.argsort(odd[positions], kind="stable")]
    first = positions[_are_plain(rows_at(table, positions))][:PLAIN_DOCUMENTS]
    return np.concatenate([first, positions[~np.isin(positions, first)]])


def _are_plain(table: Table) -> Array:
    """[rows] whether every document of a row is three words or more as anyone types them; of a table that has some."""
    documents = [
        column
        for column in table.values()
        if column.dtype == object and any(isinstance(value, str) and WORDS.search(value) for value in column)
    ]
    plain = np.full(length(table), bool(documents))
    for column in documents:
        plain &= np.array([isinstance(value, str) and PLAIN.fullmatch(value) is not None for value in column], np.bool_)
    return plain
