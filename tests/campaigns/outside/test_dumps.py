"""What is found of dumps, and how one is read."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from tests.campaigns.outside.dumps import find


def written(folder: Path, **parts: Any) -> None:
    """The files of one dump named ``m``."""
    folder.mkdir(exist_ok=True)
    for ending, value in parts.items():
        (folder / f"m.{ending}.pkl").write_bytes(pickle.dumps(value))


def test_a_dump_is_found_below_a_folder_and_read(tmp_path: Path) -> None:
    written(tmp_path / "inner", model={"a": 1}, data=[[1.0]], expected=[2.0])
    (dump,) = find(tmp_path)
    assert (dump.suite, dump.name) == (tmp_path.name, "m")
    model, pickled, rows, expected = dump.read()
    assert (model, pickled, rows, expected) == ({"a": 1}, pickle.dumps({"a": 1}), [[1.0]], [2.0])


def test_what_has_no_rows_or_no_bytes_is_no_dump(tmp_path: Path) -> None:
    written(tmp_path / "a", model=1)
    written(tmp_path / "b", data=1)
    written(tmp_path / "c", data=1)
    (tmp_path / "c" / "m.model.pkl").touch()
    assert list(find(tmp_path)) == []


def test_a_model_whose_classes_are_not_here_is_left_to_be_refused(tmp_path: Path) -> None:
    written(tmp_path, model=1, data=1)
    (tmp_path / "m.model.pkl").write_bytes(b"cnowhere_at_all\nThing\n.")
    (dump,) = find(tmp_path)
    assert dump.read()[:2] == (None, b"cnowhere_at_all\nThing\n.")
