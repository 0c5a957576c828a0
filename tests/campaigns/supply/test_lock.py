"""Requirement files are read as pip reads them, and what pins nothing is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns.supply.lock import Pin, read_pins, release


def read(folder: Path, text: str) -> object:
    (folder / "r.txt").write_text(text)
    return read_pins(folder / "r.txt")


def test_pins_have_normal_names_and_all_their_hashes(tmp_path: Path) -> None:
    a, b = "a" * 64, "b" * 64
    text = (
        f"# why\nTyping_Extensions==4.1 \\\n    --hash=sha256:{a} \\\n    --hash=sha256:{b}\n-r other.txt\nc[http]==2\n"
    )
    assert read(tmp_path, text) == {"typing-extensions": Pin("4.1", (a, b)), "c": Pin("2")}


def test_of_two_versions_the_lower_counts(tmp_path: Path) -> None:
    assert read(tmp_path, 'a==1.10; python_version < "3.12"\na==1.9 ; x > "1"\n') == {"a": Pin("1.9")}


@pytest.mark.parametrize("line", ["a", "a>=1", "a==1.*", "a==1,<2", "a @ https://example.org/a.whl", "./a.whl"])
def test_what_pins_no_version_is_refused(line: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not pin"):
        read(tmp_path, line)


def test_versions_are_compared_by_number() -> None:
    assert release("0.9.15") < release("0.10") < release("1.0rc3")
