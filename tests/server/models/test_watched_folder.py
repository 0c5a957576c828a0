"""The watched folder: what cannot be told of it lets nothing go, and looking at it stays cheap."""

from __future__ import annotations

import logging
import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest

from server.models import bulletin
from server.models import watcher as watching
from server.models.folder import Listing, scan
from server.models.repository import BadRepository
from server.models.version import Version
from server.models.watcher import RepositoryWatcher
from tests.support.models.loading import refuse
from tests.support.models.watching import put, served, started, until, watcher
from tests.support.server.models import classifier

# The test process may have threads of libraries; a trial's child uses none of them.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One model in one version."""
    put(tmp_path, "iris/1/model.onnx", classifier().data)
    return tmp_path


def test_two_files_of_one_name_change_nothing_of_it(folder: Path) -> None:
    watched = started(folder)
    put(folder, "iris.onnx")
    until(watched, lambda: bool(watched.reasons("iris")))
    assert served(watched) == [("iris", "1")]
    assert "iris.onnx and iris/ both hold" in watched.repository().refused["iris", "1"]
    (folder / "iris.onnx").unlink()
    until(watched, lambda: not watched.reasons("iris"))
    assert served(watched) == [("iris", "1")]
    assert served(started(folder)) == [("iris", "1")]


@pytest.mark.parametrize(
    ("way", "place", "said"),
    [
        ("stat", "iris/1/model.onnx", "iris cannot be read, what is loaded of it serves on"),
        ("stat", "iris/1/model.onnx.sig", "a model's file cannot be looked at, what is loaded serves on"),
        ("scandir", "iris", "iris cannot be read, what is loaded of it serves on"),
    ],
)
def test_a_file_that_cannot_be_looked_at_serves_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, way: str, place: str, said: str
) -> None:
    watched = started(folder)
    with monkeypatch.context() as patch:
        refuse(patch, way, folder / place)
        for _ in range(3):
            watched._next_scan = 0.0
            watched.announce()
            assert not watched.step()
            assert served(watched) == [("iris", "1")]
    assert len(caplog.messages) == 1, "it is said once"
    assert said in caplog.text
    watched.announce()
    assert not watched.step()
    assert watched.repository().refused == {}
    shutil.rmtree(folder / "iris")
    until(watched, lambda: served(watched) == [])


class Clock:
    """A clock moved by hand, by which each scan of a folder takes a while."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, scan_seconds: float, used: float) -> None:
        self.now, self.used = time.monotonic() + 1.0, 0.0
        self.scans: list[float] = []

        def look(folder: Path) -> Listing:
            self.scans.append(self.now)
            self.now += scan_seconds
            self.used += used
            return scan(folder)

        monkeypatch.setattr(watching, "scan", look)
        monkeypatch.setattr(watching, "monotonic", lambda: self.now)
        monkeypatch.setattr(watching, "thread_time", lambda: self.used)

    def look(self, watched: RepositoryWatcher, seconds: float) -> None:
        """Steps whenever a step is due, for so long."""
        ends = self.now + seconds
        while self.now < ends:
            watched.step()
            self.now += max(0.001, watched.seconds_to_wait())


@pytest.mark.parametrize(("used", "share"), [(2.0, 0.035), (0.01, 0.2)], ids=["processor", "disk"])
def test_a_folder_that_takes_long_to_scan_is_scanned_for_a_small_part_of_the_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch, used: float, share: float
) -> None:
    watched = started(folder)
    clock = Clock(monkeypatch, scan_seconds=2.0, used=used)
    clock.look(watched, seconds=1000.0)
    assert 0.8 * share < 2.0 * len(clock.scans) / 1000.0 <= share + 0.002


def test_an_ordinary_folder_is_scanned_twice_a_second(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = started(folder)
    clock = Clock(monkeypatch, scan_seconds=0.002, used=0.002)
    clock.look(watched, seconds=100.0)
    assert 195 < len(clock.scans) <= 201


def test_of_a_folder_with_too_many_entries_nothing_is_new_and_nothing_gone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    watched = started(folder)
    for number in range(4):
        put(folder, f"new-{number}.onnx")
    (folder / "iris/1/model.onnx").unlink()
    monkeypatch.setattr("server.models.folder.MOST_ENTRIES", 4)
    with caplog.at_level(logging.ERROR, "dynonnx"):
        for _ in range(3):
            watched.announce()
            assert not watched.step()
    assert served(watched) == [("iris", "1")]
    assert len(caplog.records) == 1, "it is said once"
    assert "it has more than 4 entries" in caplog.text
    monkeypatch.undo()
    watched.announce()
    until(watched, lambda: len(served(watched)) == 4)


def test_strict_does_not_begin_with_a_folder_that_cannot_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.models.folder.MOST_ENTRIES", 1)
    with pytest.raises(BadRepository, match="more than 1 entries"):
        watcher(folder).load_all(strict=True)


def test_a_folder_that_is_gone_lets_nothing_go(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    watched = started(folder)
    folder.rename(folder.with_name("away"))
    with caplog.at_level(logging.ERROR, "dynonnx"):
        until(watched, lambda: bool(caplog.records))
        for _ in range(3):
            watched._next_scan = 0.0
            watched.step()
    assert len(caplog.records) == 1
    assert "is gone, what is loaded serves on" in caplog.text
    assert served(watched) == [("iris", "1")]


@pytest.mark.parametrize("bad", ["1 copy", "2 (old)", "x" * 65])
def test_a_version_of_a_bad_name_keeps_no_other_version_from_serving(folder: Path, bad: str) -> None:
    put(folder, f"iris/{bad}/model.onnx")
    watched = started(folder)
    assert served(watched) == [("iris", "1")]
    assert "rename it" in watched.repository().refused["iris", bad]
    put(folder, "iris/2/model.onnx")
    until(watched, lambda: served(watched) == [("iris", "2"), ("iris", "1")])
    (folder / "iris/1/model.onnx").unlink()
    until(watched, lambda: served(watched) == [("iris", "2")])


def test_reasons_that_do_not_fit_are_published_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2000):
        (folder / f"{'é' * 100}{number}.onnx").touch()
    encoded: list[object] = []

    def dumps(row: object) -> bytes:
        encoded.append(row)
        return orjson.dumps(row)

    monkeypatch.setattr(bulletin, "orjson", SimpleNamespace(dumps=dumps))
    watched = started(folder)
    for _ in range(5):
        watched.step()
    assert len(watched.reasons()) == 2000
    assert 0 < len(encoded) <= 2000


def test_files_that_change_again_and_again_keep_no_other_from_its_trial(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each trial takes long, and meanwhile its file is written anew."""
    watched = started(folder)
    clock = Clock(monkeypatch, scan_seconds=0.0, used=0.0)
    tried: list[str] = []

    def begin(version: Version) -> None:
        version.acted = version.seen
        tried.append(version.file.name)
        clock.now += 10.0
        version.file.path.write_bytes(b"x" * len(tried))

    monkeypatch.setattr(watched, "_begin", begin)
    for name in ("a", "b", "z"):
        put(folder, f"{name}.onnx", b"")
    clock.look(watched, seconds=100.0)
    assert set(tried[:3]) == {"a", "b", "z"}
    assert len(tried) > 6
