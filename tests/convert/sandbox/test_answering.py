"""The child's side: every end is told, and what a file of converters imports can be read, but nothing beside it."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest

from convert.errors import UNFORESEEN, Refused
from convert.sandbox import job_messages
from convert.sandbox.answering import answering, wall_in


@pytest.mark.parametrize(
    ("end", "kind", "said"),
    [
        (Refused("no", "do", "here"), "refused", {"reason": "no", "remedy": "do", "where": "here"}),
        (MemoryError(), "refused", {"reason": "the memory limit of 0.5 GB is reached", "remedy": "more", "where": ""}),
        (PermissionError(1, "Operation not permitted"), "refused", None),
        (RuntimeError("std::bad_alloc"), "refused", None),
        (
            ZeroDivisionError("x\ny"),
            "broke",
            {
                "reason": "something broke that nobody expected: ZeroDivisionError: x y",
                "remedy": UNFORESEEN,
                "where": "",
            },
        ),
        (RecursionError(), "broke", None),
    ],
)
def test_every_end_is_told(end: Exception, kind: str, said: dict[str, str] | None) -> None:
    def work() -> None:
        raise end

    pipe = io.BytesIO()
    with answering(pipe, 1 << 29, "more"):
        work()
    pipe.seek(0)
    message, _ = job_messages.read(pipe)
    assert message.pop("kind") == kind
    assert type(end).__name__ in message.pop("traceback")
    assert said is None or message == said


def test_modules_beside_the_converters_are_read_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []

    def confine(*grants: Any) -> tuple[str, ...]:
        given.extend(grants)
        return ()

    monkeypatch.setattr("convert.sandbox.answering.confine", confine)
    for name in ("taught.py", "mine.py", "package/__init__.py", "keys/id_rsa", ".env", "rows.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    away = tmp_path.with_name(f"{tmp_path.name}-away")
    (away / "private").mkdir(parents=True)
    (away / "private" / "__init__.py").touch()
    (away / "id_rsa").touch()
    (tmp_path / "notes.ipynb").symlink_to(away / "id_rsa")
    (tmp_path / "private").symlink_to(away / "private")
    (tmp_path / "alias.py").symlink_to(tmp_path / "mine.py")
    (tmp_path / "round.py").symlink_to(tmp_path / "round.py")
    (tmp_path / "folder.py").mkdir()
    os.mkfifo(tmp_path / "pipe.py")
    wall_in(False, [tmp_path])
    readable, listable = given
    assert sorted(path.name for path in readable) == ["alias.py", "mine.py", "package", "taught.py"]
    assert listable == [tmp_path]


def test_a_folder_that_is_none_or_holds_too_much_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refused, match="gone, where code of yours would be, cannot be listed"):
        wall_in(False, [tmp_path / "gone"])
    for name in ("a.py", "b.py"):
        (tmp_path / name).touch()
    for most in ("MOST_NAMES", "MOST_MODULES"):
        monkeypatch.setattr(f"convert.sandbox.answering.{most}", 1)
        with pytest.raises(Refused, match=f"{tmp_path.name}, where code of yours would be, holds more than"):
            wall_in(False, [tmp_path])
        monkeypatch.undo()


def test_a_missing_wall_is_refused_unless_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convert.sandbox.answering.confine", lambda *_: ("no filter is known for plan9",))
    with pytest.raises(Refused, match="no filter is known for plan9") as refusal:
        wall_in(False, [])
    assert "--unconfined" in refusal.value.remedy
    wall_in(True, [])
