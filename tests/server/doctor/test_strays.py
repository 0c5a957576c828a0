"""Committed files that ship and should not: data, notebooks, secrets, whatever is large."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from server.doctor.strays import find_strays
from tests.server.doctor.conftest import checkout_of

LARGE = 1_500_000


def found(path: str, size: int = 10, *, private: bool = False) -> list[tuple[str, str]]:
    checkout = checkout_of(sizes={path: size})
    if private:
        checkout = replace(checkout, private_keys=frozenset({path}))
    return list(find_strays(checkout, [path], "models", ".slugignore"))


@pytest.mark.parametrize(
    ("path", "size", "says"),
    [
        ("explore.ipynb", 10, "looks like data"),
        ("customers.ndjson", 10, "looks like data"),
        ("dump.sql", 10, "looks like data"),
        ("churn.pkl.gz", 10, "looks like data"),
        ("customers.json", LARGE, "has 1.5 MB, is no part of the server"),
        (".env.production", 10, "with the keys in it"),
        ("config/.env", 10, "with the keys in it"),
    ],
)
def test_what_is_found(path: str, size: int, says: str) -> None:
    ((what, remedy),) = found(path, size)
    assert what.startswith(path)
    assert says in what
    assert path in remedy


def test_a_private_key_is_found_by_what_it_holds() -> None:
    ((what, remedy),) = found("deploy.txt", private=True)
    assert "git's history keeps these" in what
    assert remedy.startswith("git rm --cached --quiet deploy.txt")


@pytest.mark.parametrize(
    ("path", "size"), [("app.json", 10), (".env.example", 10), ("server/x.woff2", LARGE), ("models/a.onnx", LARGE)]
)
def test_what_may_ship(path: str, size: int) -> None:
    assert found(path, size) == []


def test_a_remedy_takes_any_name() -> None:
    ((_, remedy),) = found("bob's rows.csv")
    assert "/bob's rows.csv" in shlex.split(remedy)
