"""The repository: what is found in the folder, in which order, what is refused and why, and what a name looks up."""

from __future__ import annotations

import contextlib
import itertools
import os
import tempfile
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.artefact.metadata import NAME_PATTERN
from server.errors import ServerError
from server.models.files import OUTSIDE
from server.models.repository import Repository, VersionFile, scan, version_key
from tests.support.models.loading import load, load_version, put, refuse
from tests.support.server.models import (
    classifier,
)

ORDERED = (
    "a",
    "b",
    "rc1",
    "0",
    "1-rc1",
    "1-rc2",
    "1-rc10",
    "1",
    "1.0-beta",
    "1.0",
    "1.0.0-alpha",
    "1.0.0-rc1",
    "1.0.0rc2",
    "1.0.0",
    "1.0.1",
    "1.2",
    "1.9.0",
    "1.10.0",
    "2",
    "10",
    "2024.06.30",
    "2024.10.01",
    "99999999999999999999",
)
VERSIONS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,12}", fullmatch=True)


def test_versions_stand_in_natural_order() -> None:
    for lower, higher in itertools.combinations(ORDERED, 2):
        assert version_key(lower) < version_key(higher), f"{lower} before {higher}"


@given(st.lists(VERSIONS, min_size=2, max_size=6, unique=True))
def test_the_order_is_the_same_however_they_come(versions: list[str]) -> None:
    backwards = versions[::-1]
    assert sorted(backwards, key=version_key) == sorted(versions, key=version_key)
    assert len({version_key(version) for version in versions}) == len(versions)


def test_scan_finds_both_forms_by_name_and_version(tmp_path: Path) -> None:
    for file in ("b/10/model.onnx", "b/2/model.onnx", "b/2-rc1/model.onnx", "a.onnx", "B-1.x/v1/model.onnx"):
        put(tmp_path, file)
    assert scan(tmp_path).misplaced == {}
    assert scan(tmp_path).files == (
        VersionFile("B-1.x", "v1", tmp_path / "B-1.x/v1/model.onnx", tmp_path),
        VersionFile("a", "1", tmp_path / "a.onnx", tmp_path),
        VersionFile("b", "2-rc1", tmp_path / "b/2-rc1/model.onnx", tmp_path),
        VersionFile("b", "2", tmp_path / "b/2/model.onnx", tmp_path),
        VersionFile("b", "10", tmp_path / "b/10/model.onnx", tmp_path),
    )


def test_scan_passes_over_what_is_no_model(tmp_path: Path) -> None:
    for file in (
        ".hidden/1/model.onnx",
        ".hidden.onnx",
        "a/.1.part/model.onnx",
        "a/1/.model.onnx.part",
        "a/1/other.onnx",
        "a/model.onnx",
        "README.md",
    ):
        put(tmp_path, file)
    (tmp_path / "empty").mkdir()
    assert scan(tmp_path) == ((), {}, frozenset())
    assert scan(tmp_path / "there is no such folder") == ((), {}, frozenset())


def test_one_name_in_two_forms_is_told_by_both_and_stops_no_other(tmp_path: Path) -> None:
    put(tmp_path, "m.onnx")
    put(tmp_path, "m/2/model.onnx")
    put(tmp_path, "other.onnx")
    assert scan(tmp_path) == (
        (VersionFile("other", "1", tmp_path / "other.onnx", tmp_path),),
        {("m", "1"): "m.onnx and m/ both hold a model 'm': remove one"},
        frozenset({"m"}),
    )


@pytest.mark.parametrize(
    "place",
    ["my model.onnx", "é.onnx", "_m/1/model.onnx", "m/1 (copy)/model.onnx", "x" * 65 + ".onnx", "m/a b/model.onnx"],
)
def test_names_that_no_path_could_hold_are_told(tmp_path: Path, place: str) -> None:
    put(tmp_path, place)
    put(tmp_path, "other.onnx")
    listing = scan(tmp_path)
    assert [file.name for file in listing.files] == ["other"]
    (reason,) = listing.misplaced.values()
    assert reason.startswith(f"{place}: a model name and a version are letters, digits")


def test_a_link_that_leads_out_of_the_folder_is_told_and_nothing_behind_it_is_listed(tmp_path: Path) -> None:
    models = tmp_path / "models"
    put(models, "other.onnx")
    put(tmp_path, "elsewhere/1/model.onnx")
    (models / "folder").symlink_to(tmp_path / "elsewhere")
    (models / "file.onnx").symlink_to(tmp_path / "elsewhere/1/model.onnx")
    listing = scan(models)
    assert [file.name for file in listing.files] == ["other"]
    assert listing.misplaced == {("folder", "1"): f"folder {OUTSIDE}", ("file", "1"): f"file.onnx {OUTSIDE}"}


@pytest.mark.parametrize("place", ["stats.onnx", "stats/1/model.onnx"])
def test_a_name_that_the_protocol_has_taken_is_told(tmp_path: Path, place: str) -> None:
    put(tmp_path, place)
    assert scan(tmp_path).misplaced == {
        (
            "stats",
            "1",
        ): f"{place}: no model can be called 'stats', as the v2 protocol has a path of that name; rename it"
    }


def test_a_name_that_is_no_text_is_told_as_text(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.onnx")).write_bytes(b"")
    ((name, _), reason) = scan(tmp_path).misplaced.popitem()
    assert orjson.loads(orjson.dumps([name, reason])) == [name, reason]


@pytest.mark.parametrize("way", ["iterdir", "stat"])
def test_a_folder_that_cannot_be_read_is_not_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    put(tmp_path, "other.onnx")
    put(tmp_path, "m/1/model.onnx")
    refuse(monkeypatch, way, tmp_path / "m")
    listing = scan(tmp_path)
    assert [file.name for file in listing.files] == ["other"]
    assert listing.misplaced == {("m", "1"): "m cannot be read, what is loaded of it serves on: Permission denied"}


REFUSED = {("iris", "9"): "it is damaged", ("bad", "1"): "it is empty"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two models, one in two versions."""
    put(tmp_path, "iris/1/model.onnx", classifier().data)
    put(tmp_path, "iris/10/model.onnx", classifier().data)
    put(tmp_path, "plain.onnx")
    return tmp_path


def load_all(folder: Path, default_model: str | None = None) -> Repository:
    """The whole folder, and some that were refused."""
    models = [load_version(file) for file in scan(folder).files]
    return Repository(models, REFUSED, default_model)


def code(repository: Repository, *arguments: str) -> str:
    """The error of looking something up."""
    with pytest.raises(ServerError) as caught:
        repository.get(*arguments)
    return caught.value.code


def test_a_name_looks_up_the_highest_version(folder: Path) -> None:
    repository = load_all(folder)
    assert repository.get("iris").version == "10"
    assert repository.get("iris", "1").version == "1"
    assert code(repository, "iris", "9") == "model_unavailable"
    assert code(repository, "bad") == "model_unavailable"
    assert code(repository, "bad", "1") == "model_unavailable"
    assert code(repository, "bad", "2") == "not_found"
    assert code(repository, "iris", "2") == "not_found"
    assert code(repository, "iris", "010") == "not_found"


@pytest.mark.fault(55)
@pytest.mark.parametrize(
    "name", ["", ".", "..", "Iris", "iris/1", "../iris", "iris\x00", "%2e%2e", "C:\\x", "ir\u0456s", "x" * 300]
)
def test_any_other_name_is_not_found(folder: Path, name: str) -> None:
    repository = load_all(folder)
    assert code(repository, name) == "not_found"
    assert code(repository, "iris", name) == "not_found"


def test_the_default_is_the_only_model_or_the_named_one(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(ServerError, match="several models are served"):
        load_all(folder).get_default()
    assert load_all(folder, "plain").get_default().name == "plain"
    with pytest.raises(ServerError, match="did not load"):
        load_all(folder, "bad").get_default()
    alone = load(put(tmp_path_factory.mktemp("alone"), "m.onnx"))
    assert Repository([alone], {}).get_default().name == "m"


def test_no_model_at_all() -> None:
    repository = Repository([], {})
    assert list(repository) == []
    with pytest.raises(ServerError) as caught:
        repository.get_default()
    assert (caught.value.code, caught.value.status) == ("model_unavailable", 503)
    assert code(repository, "iris") == "not_found"


@given(st.text(max_size=80), st.none() | st.text(max_size=20))
def test_any_text_names_a_model_or_none(name: str, version: str | None) -> None:
    repository = Repository([], {("iris", "1"): "it is refused"})
    with pytest.raises(ServerError) as caught:
        repository.get(name, version)
    refused = name == "iris" and version in (None, "1")
    assert caught.value.code == ("model_unavailable" if refused else "not_found")
    assert name not in caught.value.message or len(name) < 8


FILE_NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=20)


@given(st.lists(st.tuples(FILE_NAMES, st.sampled_from(["", ".onnx", "/1/model.onnx", "/é/model.onnx"])), max_size=4))
def test_any_folder_is_listed_with_what_is_misplaced(entries: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for stem, ending in entries:
            with contextlib.suppress(OSError):  # no name for a file here, or both a file and a folder
                put(folder, stem + ending, b"")
        listing = scan(folder)
        for file in listing.files:
            assert NAME_PATTERN.fullmatch(file.name)
            assert NAME_PATTERN.fullmatch(file.version)
            assert file.path.is_relative_to(folder)
        assert all(reason for reason in listing.misplaced.values())


def test_a_pickle_in_the_folder_is_told_what_to_do_and_stops_no_model(tmp_path: Path) -> None:
    put(tmp_path, "churn/1/model.onnx")
    put(tmp_path, "churn.pkl", b"\x80\x04N.")
    put(tmp_path, "churn/2/model.joblib", b"\x80\x04N.")
    listing = scan(tmp_path)
    assert [(file.name, file.version) for file in listing.files] == [("churn", "1")]
    assert set(listing.misplaced) == {("churn.pkl", "1"), ("churn/2/model.joblib", "1")}
    assert f"python -m convert {tmp_path}/churn.pkl" in listing.misplaced["churn.pkl", "1"]
