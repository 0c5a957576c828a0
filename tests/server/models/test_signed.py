"""With a key set, a model without its signature is refused before it is read; one that is signed later serves."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shutil
from pathlib import Path

import pytest

pytest.importorskip("nacl", reason="PyNaCl is not installed")

from server.artefact.onnxfile import BadFile
from server.artefact.signing import MAX_SIGNATURE_BYTES, sign
from server.models import loading
from server.models.bulletin import Bulletin
from server.models.folder import VersionFile
from server.models.signed import make_check, read_signature, signature_path
from server.models.watcher import RepositoryWatcher
from server.settings import BadSetting
from tests.support.models.keys import key_pair
from tests.support.models.loading import load_version, put

PRIVATE_KEY, PUBLIC_KEY = key_pair()


def sign_as(path: Path, name: str = "m", version: str = "1", private_key: str = PRIVATE_KEY) -> None:
    signature_path(path).write_text(sign(private_key, name, version, path.read_bytes()))


def test_a_signed_file_loads(tmp_path: Path) -> None:
    path = put(tmp_path, "m/1/model.onnx")
    sign_as(path)
    assert load_version(VersionFile("m", "1", path), check_signed=make_check(PUBLIC_KEY)).name == "m"


def test_a_file_that_is_not_signed_is_read_no_further(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path, "m/1/model.onnx")

    def never(data: bytes) -> None:
        raise AssertionError("it was read")

    monkeypatch.setattr(loading, "read_onnxfile", never)
    with pytest.raises(BadFile, match="is not signed"):
        load_version(VersionFile("m", "1", path), check_signed=make_check(PUBLIC_KEY))
    sign_as(path, private_key=key_pair(2)[0])
    with pytest.raises(BadFile, match="not of this file"):
        load_version(VersionFile("m", "1", path), check_signed=make_check(PUBLIC_KEY))


def test_an_old_file_takes_no_new_version_and_no_other_name(tmp_path: Path) -> None:
    old = put(tmp_path, "m/1/model.onnx")
    sign_as(old)
    for place, name, version in (("m/2", "m", "2"), ("n/1", "n", "1")):
        shutil.copytree(old.parent, tmp_path / place)
        with pytest.raises(BadFile, match="not of this file"):
            load_version(
                VersionFile(name, version, tmp_path / place / "model.onnx"), check_signed=make_check(PUBLIC_KEY)
            )


def test_a_signature_that_comes_later_is_noticed(tmp_path: Path) -> None:
    path = put(tmp_path, "m.onnx")
    load = functools.partial(load_version, check_signed=make_check(PUBLIC_KEY))
    bulletin = Bulletin()
    watcher = RepositoryWatcher(tmp_path, load, bulletin, default_model=None, box_bytes=None)
    watcher.load_all(strict=False)
    assert list(watcher.repository()) == []
    assert "is not signed" in bulletin.read()["m", "1"]
    sign_as(path)
    watcher.announce()
    watcher.load_all(strict=False)
    assert [model.name for model in watcher.repository()] == ["m"]
    assert bulletin.read() == {}


def test_without_a_key_nothing_is_asked(tmp_path: Path) -> None:
    assert make_check(None) is None
    assert load_version(VersionFile("m", "1", put(tmp_path, "m.onnx"))).name == "m"


def test_the_key_may_be_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text(PUBLIC_KEY)
    assert make_check(str(file)) is not None


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("", "cannot read"),
        (".", "cannot read ."),
        ("no/such/file.pem", "cannot read no/such/file.pem: No such file or directory"),
        ("-----BEGIN PUBLIC KEY-----", "expected one Ed25519 key in PEM"),
    ],
)
def test_a_key_that_is_none_stops_the_start(value: str, said: str) -> None:
    with pytest.raises(BadSetting, match="DYNONNX_VERIFY_KEY: " + re.escape(said)):
        make_check(value)


def test_a_file_that_is_no_text_is_no_key(tmp_path: Path) -> None:
    file = tmp_path / "key.der"
    file.write_bytes(bytes(range(256)))
    with pytest.raises(BadSetting, match="DYNONNX_VERIFY_KEY: expected one Ed25519 key in PEM"):
        make_check(str(file))


def test_an_endless_signature_is_read_to_its_limit(tmp_path: Path) -> None:
    path = put(tmp_path, "m.onnx")
    assert read_signature(tmp_path, path) is None
    signature_path(path).write_bytes(bytes(10**6))
    assert len(read_signature(tmp_path, path) or b"") == MAX_SIGNATURE_BYTES


def test_a_pipe_in_its_place_keeps_nobody_waiting(tmp_path: Path) -> None:
    path = put(tmp_path, "m.onnx")
    os.mkfifo(signature_path(path))
    with pytest.raises(BadFile, match="is not signed"):
        load_version(VersionFile("m", "1", path), check_signed=make_check(PUBLIC_KEY))


def test_a_link_to_a_signature_is_followed_inside_of_the_folder_only(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    path = put(folder, "m/1/model.onnx")
    sign_as(path)
    elsewhere, inside = tmp_path / "elsewhere.sig", folder / "inside.sig"
    signature_path(path).rename(inside)
    shutil.copy(inside, elsewhere)
    for target, followed in ((inside, True), (elsewhere, False), (Path("/dev/zero"), False), (path.parent, False)):
        signature_path(path).symlink_to(target)
        assert (read_signature(folder, path) is not None) is followed
        signature_path(path).unlink()


def test_a_signature_of_the_file_before_does_not_sign_the_file_after(tmp_path: Path) -> None:
    path = put(tmp_path, "m.onnx")
    sign_as(path)
    path.write_bytes(path.read_bytes() + b"\x0a\x00")
    with pytest.raises(BadFile, match="not of this file"):
        load_version(VersionFile("m", "1", path), check_signed=make_check(PUBLIC_KEY))


def test_a_file_and_its_signature_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is exchanged after the check is not opened."""
    path = put(tmp_path, "m.onnx")
    sign_as(path)
    checked = make_check(PUBLIC_KEY)
    assert checked is not None

    def check_and_exchange(file: VersionFile, data: bytes, signature: bytes | None) -> None:
        checked(file, data, signature)
        file.path.write_bytes(b"another")

    signed = path.read_bytes()
    model = load_version(VersionFile("m", "1", path), check_signed=check_and_exchange)
    assert model.sha256 == hashlib.sha256(signed).hexdigest()
