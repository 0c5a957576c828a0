"""Owns the public data sets: where each lies, what is predicted, which half is fitted on. Knows nothing of models."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas
from sklearn import datasets

CATALOGUE = Path(__file__).with_name("sets.toml")
MOST_ROWS = 3000  # of a set, so that a cell takes seconds
ROW_NUMBERS = ("rownames", "Unnamed: 0")  # what R writes before its columns

Task = Literal["classification", "regression", "text"]


@dataclass(frozen=True, slots=True)
class DataSet:
    """One data set as the catalogue names it."""

    name: str
    file: str | None = None
    target: str = "target"
    task: Task = "classification"
    drop: tuple[str, ...] = ()
    text: str | None = None
    classes: int | None = None


@dataclass(frozen=True, slots=True)
class Halves:
    """The rows to fit on, what they answer, and the rows that no model has seen."""

    x: Any
    y: Any
    unseen: Any


def all_sets(catalogue: Path = CATALOGUE) -> list[DataSet]:
    """Every set, in the order of the catalogue."""
    return [_read(name, entry) for name, entry in tomllib.loads(catalogue.read_text()).items()]


def _read(name: str, entry: Mapping[str, Any]) -> DataSet:
    task = "text" if "text" in entry else entry.get("task", "classification")
    return DataSet(name, **{**entry, "task": task, "drop": tuple(entry.get("drop", ()))})


def halves(chosen: DataSet, folder: Path) -> Halves:
    """Both halves, rows in an order of chance that is always the same, cells as the package has them."""
    table = _table(chosen, folder).drop(columns=[*chosen.drop, *ROW_NUMBERS], errors="ignore")
    table = table[table[chosen.target].notna()]
    if chosen.classes is not None:
        table = table[table[chosen.target].isin(table[chosen.target].value_counts().index[: chosen.classes])]
    table = table.sample(frac=1.0, random_state=0).head(MOST_ROWS).reset_index(drop=True)
    y = table.pop(chosen.target)
    y = y.to_numpy(str if y.dtype.kind not in "iufb" else None)
    x = table[chosen.text].astype(str).tolist() if chosen.text is not None else table
    middle = len(table) // 2
    return Halves(x[:middle], y[:middle], x[middle:])


def _table(chosen: DataSet, folder: Path) -> Any:
    if chosen.file is None:
        loaded = getattr(datasets, f"load_{chosen.name}")(as_frame=True)
        return (
            loaded.frame.rename(columns={loaded.target.columns[0]: "target"})
            if chosen.name == "linnerud"
            else loaded.frame
        )
    path = folder / chosen.file
    if path.suffix == ".compress":
        return pandas.read_pickle(path, compression="xz")  # noqa: S301  of a pinned package
    return pandas.read_json(path) if path.suffix == ".json" else _csv(path)


def _csv(path: Path) -> Any:
    table = pandas.read_csv(path, sep=None, engine="python")
    return table.rename(columns=lambda name: name.strip("'\""))
