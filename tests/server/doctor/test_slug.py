"""What of a push gets onto a dyno: on Fir by project.toml, and never what is a repository of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from server.doctor.slug import DESCRIPTOR, find_in_slug, shipped
from tests.conftest import ROOT
from tests.server.doctor.conftest import checkout_of

TEXTS = {name: (ROOT / name).read_text() for name in (DESCRIPTOR, ".slugignore", "Procfile", "requirements.txt")}
FILES = (
    "server/__main__.py",
    "server/asgi/pages/page.js",
    "models/iris/1/model.onnx",
    "tests/conftest.py",
    "docs/x.md",
)


def found(
    descriptor: str | None, *files: str, is_fir: bool = True, inner: Mapping[str, str] | None = None
) -> list[str]:
    texts = {**TEXTS, DESCRIPTOR: descriptor or ""}
    if descriptor is None:
        del texts[DESCRIPTOR]
    checkout = replace(checkout_of(texts, *FILES, *files), inner=inner or {})
    return [f"{what}\n{remedy}" for what, remedy in find_in_slug(checkout, "models", {}, lambda _: 1.0, is_fir=is_fir)]


def test_ours_is_good_on_both() -> None:
    assert found(TEXTS[DESCRIPTOR]) == found(TEXTS[DESCRIPTOR], is_fir=False) == []
    checkout = checkout_of(TEXTS, *FILES)
    assert shipped(checkout, is_fir=True) == shipped(checkout, is_fir=False)
    assert "tests/conftest.py" not in shipped(checkout, is_fir=True)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[_]", "[_", "project.toml: "),
        ("[[io", "[io", "project.toml: "),
        ('"heroku/procfile"', '"heroku/nodejs"', "builds without heroku/procfile"),
        ('"/docs"', '"/server"', "excludes `/server`, and with it server/__main__.py"),
        ('"/docs"', '"*.onnx"', "excludes `*.onnx`, and with it models/iris/1/model.onnx"),
    ],
)
def test_what_fir_would_build_otherwise(old: str, new: str, says: str) -> None:
    text = TEXTS[DESCRIPTOR].replace(old, new)
    assert text != TEXTS[DESCRIPTOR]
    assert says in found(text)[0]
    assert found(text, is_fir=False) == [], "Cedar does not read it"


def test_no_descriptor() -> None:
    (told,) = found(None)
    assert told.startswith("no project.toml is committed")
    assert found(None, is_fir=False) == []


def test_what_stays_out_is_told_to_what_fir_reads() -> None:
    (told,) = found(TEXTS[DESCRIPTOR], "customers.csv")
    assert told.endswith(
        'put "/customers.csv" into `exclude` of project.toml, then git add project.toml'
        ' && git commit -m "Mend the slug"'
    )
    (told,) = found(TEXTS[DESCRIPTOR], "customers.csv", is_fir=False)
    assert "echo /customers.csv >> .slugignore" in told


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("", "comes from nowhere that git knows"),
        ("git@github.com:me/vendor.git", "comes from git@github.com:me/vendor.git, which the build cannot ask"),
        ("../vendor.git", "which the build cannot ask"),
    ],
)
def test_a_repository_within_this_one(source: str, says: str) -> None:
    (told,) = found(TEXTS[DESCRIPTOR], is_fir=False, inner={"my vendor": source})
    assert says in told
    assert "git rm --cached --quiet 'my vendor' ; rm -rf 'my vendor'/.git" in told


def test_a_repository_that_the_build_can_ask() -> None:
    assert found(TEXTS[DESCRIPTOR], inner={"vendor": "https://github.com/me/vendor.git"}) == []


def test_a_descriptor_that_nests_too_deep_is_told() -> None:
    (told,) = found("a = " + "[" * 100_000)
    assert told.startswith(f"{DESCRIPTOR}: ")
