"""docs/architecture.md is true: every file, function, class and folder that it names exists, every floor is listed."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.test_imports import FLOORS

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "architecture.md").read_text()
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)(?::([\w.]+))?`", TEXT)))
FOLDERS = sorted(set(re.findall(r"`((?:\w+/)+)`", TEXT)))
LIVES = ("A hot request", "A cold one", "A v2 one", "A new file", "A pickle", "An examination", "A bench run")
ADDED = ("a codec", "an exporter", "a setting", "a route", "a metric", "a bench scenario", "a door")


@cache
def names_in(file: str) -> frozenset[str]:
    """Everything a file defines: names of its module, and ``Class.name`` for what a class defines."""
    return frozenset(_defined(ast.parse((ROOT / file).read_text()).body, ""))


def _defined(body: list[ast.stmt], prefix: str) -> set[str]:
    names: set[str] = set()
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(prefix + name)
            case ast.ClassDef(name=name):
                names |= {prefix + name} | _defined(node.body, f"{prefix}{name}.")
            case ast.Assign(targets=targets):
                names |= {prefix + target.id for target in targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(prefix + name)
    return names


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_what_the_page_names_exists(file: str, name: str) -> None:
    assert (ROOT / file).is_file(), f"{file} is named in docs/architecture.md, but is not there"
    assert not name or name in names_in(file), f"{file} has no {name}, which docs/architecture.md names"


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_folder_that_the_page_names_exists(folder: str) -> None:
    assert (ROOT / folder).is_dir()


def test_the_page_lists_every_floor_from_the_highest_down() -> None:
    assert re.findall(r"^\| `server/(\w+)/` \|", TEXT, re.MULTILINE) == list(reversed(FLOORS))


@pytest.mark.parametrize("life", LIVES)
def test_every_life_is_told_by_its_steps(life: str) -> None:
    (told,) = re.findall(rf"^\*\*{life}\.\*\*(.*?)(?:\n\n|\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert len(re.findall(r"`[\w/]+\.py:[\w.]+`", told)) >= 3


@pytest.mark.parametrize("thing", ADDED)
def test_the_page_says_where_to_add(thing: str) -> None:
    (told,) = re.findall(rf"^\| {thing}\b[^|]*\|(.*)\|$", TEXT, re.MULTILINE)
    assert re.search(r"`[\w/]+\.py(?::[\w.]+)?`", told)


def test_the_checks_themselves_notice() -> None:
    assert ("server/http/layers/reading.py", "ReadingConnection.data_received") in NAMED
    assert "Decoded.answer" in names_in("tests/support/server/decoding.py")
    assert "Decoded.none" not in names_in("tests/support/server/decoding.py")
