"""The models folder: what is found in it, in which order, what is misplaced and why, and how much is read."""

from __future__ import annotations

import contextlib
import itertools
import os
import tempfile
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.artefact.metadata import NAME_PATTERN
from server.models import folder
from server.models.files import OUTSIDE
from server.models.folder import TooManyEntries, VersionFile, scan, version_key
from tests.support.models.loading import put, refuse

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


@pytest.mark.parametrize(("way", "place"), [("scandir", "m"), ("stat", "m/1/model.onnx")])
def test_a_folder_that_cannot_be_read_is_not_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, place: str
) -> None:
    put(tmp_path, "other.onnx")
    put(tmp_path, "m/1/model.onnx")
    refuse(monkeypatch, way, tmp_path / place)
    listing = scan(tmp_path)
    assert [file.name for file in listing.files] == ["other"]
    assert listing.misplaced == {("m", "1"): "m cannot be read, what is loaded of it serves on: Permission denied"}


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


@pytest.mark.parametrize("place", ["{}.onnx", ".{}.part", "m/{}/model.onnx", "m/1/{}.txt", "{}/1/x", "README.{}"])
def test_a_scan_reads_a_bounded_number_of_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    for number in range(60):
        put(tmp_path, place.format(number), b"")
    monkeypatch.setattr(folder, "MOST_ENTRIES", 200)
    scan(tmp_path)
    monkeypatch.setattr(folder, "MOST_ENTRIES", 50)
    with pytest.raises(TooManyEntries, match="has more than 50 entries"):
        scan(tmp_path)


def test_what_is_read_of_several_filled_folders_counts_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "MOST_ENTRIES", 100)
    monkeypatch.setattr(folder, "MOST_OF_MODEL", 30)
    for model in range(8):
        for number in range(40):
            (tmp_path / f"m{model}" / str(number)).mkdir(parents=True)
    with pytest.raises(TooManyEntries, match="has more than 100 entries"):
        scan(tmp_path)


@pytest.mark.parametrize("place", ["m/{}/model.onnx", "m/.{}.part", "m/1/{}.txt"])
def test_whoever_fills_one_models_folder_keeps_no_other_from_serving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    put(tmp_path, "z/2/model.onnx", b"")
    for number in range(60):
        put(tmp_path, place.format(number), b"")
    monkeypatch.setattr(folder, "MOST_OF_MODEL", 30)
    listing = scan(tmp_path)
    assert [(file.name, file.version) for file in listing.files] == [("z", "2")]
    assert listing.unknown == {"m"}
    assert listing.misplaced["m", "1"].startswith("m has more than 30 entries, which no scan reads")


def test_links_to_the_same_folder_count_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        put(tmp_path, f"m/{number}/model.onnx", b"")
    for number in range(20):
        (tmp_path / f"again-{number}").symlink_to(tmp_path / "m")
    monkeypatch.setattr(folder, "MOST_ENTRIES", 200)
    with pytest.raises(TooManyEntries):
        scan(tmp_path)


def test_nothing_is_listed_outside_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = tmp_path / "models"
    put(tmp_path, "elsewhere/1/model.pkl", b"")
    put(models, "m/1/model.onnx", b"")
    (models / "n").symlink_to(tmp_path / "elsewhere")
    (models / "m" / "2").symlink_to(tmp_path / "elsewhere" / "1")
    listed: list[Path] = []
    original = os.scandir

    def scandir(place: Path) -> Any:
        listed.append(place)
        return original(place)

    monkeypatch.setattr(os, "scandir", scandir)
    assert [file.version for file in scan(models).files] == ["1"]
    assert sorted(map(Path, listed)) == [models, models / "m", models / "m/1"]
