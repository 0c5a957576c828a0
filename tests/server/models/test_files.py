"""Reading a model's file: links out of the folder and files of two names are refused, links inside are followed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.artefact.onnxfile import MAX_BYTES, BadFile
from server.models.files import read_inside
from tests.support.models.loading import put


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of models beside a file that is none of them."""
    put(tmp_path, "secret.onnx", b"secret")
    put(tmp_path, "elsewhere/1/model.onnx", b"elsewhere")
    put(tmp_path, "models/m.onnx", b"m")
    return tmp_path / "models"


def test_a_file_is_read_also_where_the_folder_is_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert read_inside(folder, folder / "m.onnx") == b"m"
    assert read_inside(tmp_path / "link", tmp_path / "link/m.onnx") == b"m"


@pytest.fixture
def elsewhere(folder: Path) -> Iterator[Path]:
    """The folder as it is called by the root of another process, where alone it lies at /mnt."""
    script = 'mount --bind "$1" /mnt && echo mounted && exec sleep 60'
    command = ["unshare", "--mount", "sh", "-c", script, "sh", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        if process.stdout.readline() != b"mounted\n":
            pytest.skip("only root, with mount namespaces, can mount here")
        yield Path(f"/proc/{process.pid}/root/mnt")
        process.kill()


def test_the_folder_may_be_a_link_into_another_root(elsewhere: Path, tmp_path: Path) -> None:
    """KServe links /mnt/models so to an OCI image of models that runs beside."""
    (tmp_path / "link").symlink_to(elsewhere)
    assert read_inside(tmp_path / "link", tmp_path / "link/m.onnx") == b"m"
    (elsewhere / "evil.onnx").symlink_to("/etc/hostname")
    with pytest.raises(OSError, match="symbolic links"):  # nobody can tell where a link leads there: none is followed
        read_inside(tmp_path / "link", tmp_path / "link/evil.onnx")


@pytest.mark.parametrize("target", ["../secret.onnx", "/dev/zero", "../elsewhere/1/model.onnx", "/etc/hostname"])
def test_a_link_out_of_the_folder_is_refused(folder: Path, target: str) -> None:
    (folder / "evil.onnx").symlink_to(target)
    with pytest.raises(BadFile, match="leads out of the models folder"):
        read_inside(folder, folder / "evil.onnx")


def test_a_folder_that_leads_out_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "evil").symlink_to(tmp_path / "elsewhere")
    (folder / "deep").mkdir()
    (folder / "deep/1").symlink_to(tmp_path / "elsewhere/1")
    for path in ("evil/1/model.onnx", "deep/1/model.onnx"):
        with pytest.raises(BadFile, match="leads out of the models folder"):
            read_inside(folder, folder / path)


def test_a_link_inside_is_followed_as_kubernetes_mounts_files(folder: Path) -> None:
    put(folder, "..2026_11_30/k.onnx", b"mounted")
    (folder / "..data").symlink_to("..2026_11_30")
    (folder / "k.onnx").symlink_to("..data/k.onnx")
    assert read_inside(folder, folder / "k.onnx") == b"mounted"


def test_a_file_of_two_names_is_refused(folder: Path, tmp_path: Path) -> None:
    os.link(tmp_path / "secret.onnx", folder / "evil.onnx")
    with pytest.raises(BadFile, match="hard link"):
        read_inside(folder, folder / "evil.onnx")


def test_what_is_no_file_is_refused_without_waiting(folder: Path) -> None:
    os.mkfifo(folder / "pipe.onnx")
    (folder / "folder").mkdir()
    for name in ("pipe.onnx", "folder", "."):
        with pytest.raises(BadFile, match="is not a file"):
            read_inside(folder, folder / name)
    with (folder / "huge.onnx").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(BadFile, match="is larger than"):
        read_inside(folder, folder / "huge.onnx")


def test_what_is_gone_or_goes_round_in_a_circle_is_an_error_of_the_system(folder: Path) -> None:
    (folder / "round.onnx").symlink_to("round.onnx")
    (folder / "gone.onnx").symlink_to("nothing.onnx")
    for name in ("round.onnx", "gone.onnx", "none.onnx"):
        with pytest.raises(OSError, match=r"No such file|symbolic links"):
            read_inside(folder, folder / name)
