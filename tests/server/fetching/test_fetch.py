"""Fetching into a models folder: verified first, placed whole, not fetched twice, and every error names its address."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import monotonic

import pytest

from server.fetching.address import read_addresses
from server.fetching.download import FetchFailed, Limits
from server.fetching.fetch import WAITS, fetch_all
from tests.server.fetching.test_archive import pack
from tests.support.server.file_host import FileHost, endless, file_host, gives, says

MODEL, OTHER = b"a model" * 100, b"another model" * 100
ARCHIVE = pack({"models/iris/1/model.onnx": MODEL, "models/churn/1/model.onnx": OTHER}).getvalue()


@pytest.fixture
def host() -> Iterator[FileHost]:
    """A host of two models and of an archive of them."""
    with file_host() as made:
        made.answers |= {"/iris.onnx": gives(MODEL), "/churn.onnx": gives(OTHER), "/all.tgz": gives(ARCHIVE)}
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A models folder with one that serves."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models/kept.onnx").write_bytes(b"kept")
    return tmp_path / "models"


def of(host: FileHost, path: str, body: bytes, more: str = "") -> str:
    return f"{host.base}{path}#sha256={hashlib.sha256(body).hexdigest()}{more}"


def fetch(folder: Path, *addresses: str, most: int = 1_000_000, environment: Mapping[str, str] | None = None) -> None:
    waits: list[float] = []
    fetch_all(read_addresses(addresses), folder, Limits(most, monotonic() + 60), environment or {}, waits.append)


def files(folder: Path) -> dict[str, bytes]:
    """What the models folder shows: nothing that is hidden."""
    paths = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return {str(path): (folder / path).read_bytes() for path in paths if not path.parts[0].startswith(".")}


def test_models_come_to_their_places_once(host: FileHost, folder: Path) -> None:
    addresses = of(host, "/iris.onnx", MODEL), of(host, "/churn.onnx?key=x", OTHER, "&version=3")
    for _ in range(2):
        fetch(folder, *addresses)
        assert files(folder) == {"kept.onnx": b"kept", "iris/1/model.onnx": MODEL, "churn/3/model.onnx": OTHER}
    assert host.paths == ["/iris.onnx", "/churn.onnx?key=x"]
    assert sorted(path.name for path in folder.iterdir()) == ["churn", "iris", "kept.onnx"]


def test_another_digest_is_fetched_into_the_same_place(host: FileHost, folder: Path) -> None:
    fetch(folder, of(host, "/iris.onnx", MODEL))
    host.answers["/iris.onnx"] = gives(OTHER)
    fetch(folder, of(host, "/iris.onnx", OTHER))
    assert files(folder)["iris/1/model.onnx"] == OTHER


def test_an_archive_brings_all_its_models_once_and_again_when_one_is_gone(host: FileHost, folder: Path) -> None:
    whole = {"kept.onnx": b"kept", "iris/1/model.onnx": MODEL, "churn/1/model.onnx": OTHER}
    for asked in (1, 1):
        fetch(folder, of(host, "/all.tgz", ARCHIVE))
        assert (files(folder), len(host.asked)) == (whole, asked)
    (folder / "churn/1/model.onnx").unlink()
    fetch(folder, of(host, "/all.tgz", ARCHIVE))
    assert (files(folder), len(host.asked)) == (whole, 2)


@pytest.mark.parametrize("left", ["", "{}", "[]", "null", "no json", '{"iris/1/model.onnx": null}'])
def test_a_record_that_tells_nothing_is_not_believed(host: FileHost, folder: Path, left: str) -> None:
    (folder / ".fetched").mkdir()
    (folder / f".fetched/{hashlib.sha256(ARCHIVE).hexdigest()}.json").write_text(left)
    fetch(folder, of(host, "/all.tgz", ARCHIVE))
    assert "churn/1/model.onnx" in files(folder)


@pytest.mark.fault(62)
def test_nothing_is_written_before_the_digest_is_verified(host: FileHost, folder: Path) -> None:
    before = files(folder)
    for path in ("/iris.onnx", "/all.tgz"):
        with pytest.raises(FetchFailed, match=f"^{host.base}{path} has SHA-256 .*it is another file"):
            fetch(folder, of(host, path, b"something else"))
    host.answers["/endless.onnx"] = endless
    with pytest.raises(FetchFailed, match="is larger than"):
        fetch(folder, of(host, "/endless.onnx", MODEL))
    assert files(folder) == before
    assert [path.name for path in folder.iterdir()] == ["kept.onnx"]


@pytest.mark.fault(63)
def test_an_archive_that_is_refused_leaves_nothing(host: FileHost, folder: Path) -> None:
    twice = pack({"iris.onnx": MODEL, "iris/1/model.onnx": MODEL}).getvalue()
    host.answers["/all.tgz"] = gives(twice)
    with pytest.raises(FetchFailed, match=f"^{host.base}/all.tgz holds iris/1/model.onnx twice"):
        fetch(folder, of(host, "/all.tgz", twice))
    assert [path.name for path in folder.iterdir()] == ["kept.onnx"]


@pytest.mark.fault(62)
def test_what_may_go_well_later_is_tried_again_and_what_may_not_is_not(host: FileHost, folder: Path) -> None:
    answers = iter([says(503), gives(MODEL, claimed=10_000), gives(MODEL)])
    host.answers["/iris.onnx"] = lambda handler: next(answers)(handler)
    fetch(folder, of(host, "/iris.onnx", MODEL))
    assert files(folder)["iris/1/model.onnx"] == MODEL
    host.answers["/churn.onnx"] = says(503)
    with pytest.raises(FetchFailed, match="answered 503"):
        fetch(folder, of(host, "/churn.onnx", OTHER))
    assert host.paths[3:] == ["/churn.onnx"] * (len(WAITS) + 1)
    with pytest.raises(FetchFailed, match="answered 404"):
        fetch(folder, of(host, "/none.onnx", OTHER))
    assert host.paths.count("/none.onnx") == 1


def test_errors_name_the_address_without_its_secrets(host: FileHost, folder: Path) -> None:
    base = host.base.replace("//", "//user:s3cr3t@")
    with pytest.raises(FetchFailed) as refused:
        fetch(folder, f"{base}/none.onnx?token=s3cr3t#sha256={'0' * 64}")
    assert str(refused.value).startswith(f"{host.base}/none.onnx answered 404")


def test_a_folder_that_cannot_be_written_is_told(host: FileHost, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FetchFailed, match=r"cannot write .*/file.*must be writable and have room; DYNONNX_MODELS"):
        fetch(tmp_path / "file/models", of(host, "/iris.onnx", MODEL))


@pytest.mark.fault(64)
def test_a_link_that_leads_out_is_not_written_through(host: FileHost, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (folder / "iris").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FetchFailed, match=r"would be written out of .* by the link iris/1: remove the link"):
        fetch(folder, of(host, "/iris.onnx", MODEL))
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.fault(64)
@pytest.mark.parametrize("place", ["iris/1/model.onnx", ".fetched"])
@pytest.mark.parametrize("what", ["pipe", "device", "huge", "folder"])
def test_what_somebody_put_into_the_folder_holds_no_start(
    host: FileHost, folder: Path, tmp_path: Path, place: str, what: str
) -> None:
    """A pipe is not waited for, and neither a device nor a file of holes is read."""
    asked = of(host, "/iris.onnx", MODEL) if place != ".fetched" else of(host, "/all.tgz", ARCHIVE)
    path = folder / (place if place != ".fetched" else f".fetched/{hashlib.sha256(ARCHIVE).hexdigest()}.json")
    path.parent.mkdir(parents=True)
    if what == "pipe":
        os.mkfifo(path)
    elif what == "device":
        path.symlink_to("/dev/zero")
    elif what == "folder":
        path.mkdir()
    else:
        path.touch()
        os.truncate(path, 1 << 40)
    if what == "folder":
        with pytest.raises(FetchFailed, match="cannot write"):
            fetch(folder, asked)
    else:
        fetch(folder, asked)
        assert files(folder)["iris/1/model.onnx"] == MODEL


@pytest.mark.fault(64)
def test_a_record_is_not_written_through_a_link(host: FileHost, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("kept")
    (folder / ".fetched").mkdir()
    (folder / f".fetched/{hashlib.sha256(ARCHIVE).hexdigest()}.json").symlink_to(tmp_path / "precious")
    fetch(folder, of(host, "/all.tgz", ARCHIVE))
    assert (tmp_path / "precious").read_text() == "kept"
    shutil.rmtree(folder / ".fetched")
    (tmp_path / "elsewhere").mkdir()
    (folder / ".fetched").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FetchFailed, match="would be written out"):
        fetch(folder, of(host, "/all.tgz", ARCHIVE))
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("host_name", ["a" * 64 + ".example", ".example", "a..example"])
def test_a_host_that_no_library_asks_is_told_in_a_line(folder: Path, host_name: str) -> None:
    with pytest.raises(FetchFailed, match=f"^https://{host_name}/iris.onnx "):
        fetch(folder, f"https://{host_name}/iris.onnx#sha256={'0' * 64}")


@pytest.mark.fault(62)
def test_credentials_that_are_no_header_are_in_no_error(folder: Path) -> None:
    credentials = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "s3cr3t"}
    session = {"AWS_SESSION_TOKEN": "s3cr3t\n", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    with pytest.raises(FetchFailed, match=r"^s3://bucket/iris\.onnx cannot be asked") as refused:
        fetch(folder, f"s3://bucket/iris.onnx#sha256={'0' * 64}", environment={**credentials, **session})
    assert "s3cr3t" not in str(refused.value)


def test_an_object_of_s3_is_asked_for_with_a_signature(host: FileHost, folder: Path) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "s3cr3t", "AWS_ENDPOINT_URL": host.base}
    host.answers["/bucket/iris.onnx"] = gives(MODEL)
    address = f"s3://bucket/iris.onnx#sha256={hashlib.sha256(MODEL).hexdigest()}"
    with pytest.raises(FetchFailed, match=r"^s3://bucket/iris.onnx cannot be fetched: AWS_ACCESS_KEY_ID is not set"):
        fetch(folder, address)
    fetch(folder, address, environment=keys)
    assert files(folder)["iris/1/model.onnx"] == MODEL
    ((_, headers),) = host.asked
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIA/")
    assert "s3cr3t" not in json.dumps(headers)
