"""A packed models folder: models and signatures come out, and nothing else can."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from server.fetching.archive import DESCRIPTIONS, BadArchive, place_of, unpack

LINKS = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE)


def pack(files: dict[str, bytes], *others: tarfile.TarInfo) -> io.BytesIO:
    """A .tar.gz of files, behind them members of other kinds."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for member in others:
            archive.addfile(member)
    packed.seek(0)
    return packed


def test_models_and_signatures_come_out_of_it(tmp_path: Path) -> None:
    files = {"models/README.md": b"x", "models/iris/1/model.onnx": b"i", "models/iris/1/model.onnx.sig": b"s"}
    folder = tarfile.TarInfo("models/iris")
    folder.type = tarfile.DIRTYPE
    places = unpack(pack({**files, "models/churn.onnx": b"c", "models/.x/1/model.onnx": b"h"}, folder), tmp_path, 99999)
    assert places == ["iris/1/model.onnx", "iris/1/model.onnx.sig", "churn/1/model.onnx"]
    assert {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == {
        "iris/1/model.onnx": b"i",
        "iris/1/model.onnx.sig": b"s",
        "churn/1/model.onnx": b"c",
    }


@pytest.mark.fault(63)
@pytest.mark.parametrize(
    "path",
    [
        "/iris.onnx",
        "../iris.onnx",
        "models/../iris.onnx",
        "a/b/c/d/model.onnx",
        "iris/1/notes.txt",
        ".onnx",
        "a b.onnx",
    ],
)
def test_no_path_leads_elsewhere(path: str, tmp_path: Path) -> None:
    assert place_of(path) is None
    with pytest.raises(BadArchive, match="holds no model: pack the folder"):
        unpack(pack({path: b"x"}), tmp_path / "inside", 99999)
    assert not list(tmp_path.iterdir())


@pytest.mark.fault(63)
@pytest.mark.parametrize("kind", LINKS)
def test_no_link_and_no_device_is_a_model(kind: bytes, tmp_path: Path) -> None:
    member = tarfile.TarInfo("models/iris/1/model.onnx")
    member.type, member.linkname = kind, "/etc/passwd"
    with pytest.raises(BadArchive, match="a link or the like: pack the file itself"):
        unpack(pack({}, member), tmp_path, 99999)


@pytest.mark.fault(63)
def test_a_model_is_there_once(tmp_path: Path) -> None:
    with pytest.raises(BadArchive, match=r"holds iris/1/model.onnx twice"):
        unpack(pack({"models/iris.onnx": b"a", "iris/1/model.onnx": b"b"}), tmp_path, 99999)


@pytest.mark.fault(63)
@pytest.mark.parametrize("where", ["in a model", "in what is no model", "in a header"])
def test_what_unpacks_to_too_much_is_refused(where: str, tmp_path: Path) -> None:
    much = 1 << 20
    if where == "in a header":
        member = tarfile.TarInfo("iris.onnx")
        member.pax_headers = {"comment": "x" * much}
        packed = pack({}, member)
    else:
        packed = pack({"iris.onnx" if where == "in a model" else "notes.txt": bytes(much)})
    assert len(packed.getvalue()) < 10_000
    with pytest.raises(BadArchive, match="unpacks to more than 100000 bytes: set DYNONNX_FETCH_BYTES"):
        unpack(packed, tmp_path, 100_000)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) <= 110_240


@pytest.mark.fault(63)
@pytest.mark.parametrize("damage", ["none", "cut", "text", "changed", "no tar"])
def test_what_is_no_archive_is_refused(damage: str, tmp_path: Path) -> None:
    whole = pack({"iris.onnx": bytes(range(256)) * 500}).getvalue()
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 0xFF
    data = {
        "none": b"",
        "cut": whole[: len(whole) // 2],
        "text": b"hello",
        "changed": bytes(changed),
        "no tar": gzip.compress(b"hello" * 1000),
    }[damage]
    with pytest.raises(BadArchive):
        unpack(io.BytesIO(data), tmp_path, 10_000_000)


def description(kind: bytes, size: int, times: int = 1) -> io.BytesIO:
    """A .tar.gz of so many headers that describe the next member, of so many bytes each, and of a model."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as archive:
        for name, of_type, length in [*[("long", kind, size)] * times, ("iris.onnx", tarfile.REGTYPE, 0)]:
            member = tarfile.TarInfo(name)
            member.type, member.size = of_type, length
            archive.write(member.tobuf(tarfile.GNU_FORMAT) + bytes(-(-length // 512) * 512))
        archive.write(bytes(1024))
    packed.seek(0)
    return packed


@pytest.mark.fault(63)
@pytest.mark.parametrize("kind", DESCRIPTIONS)
def test_no_header_is_as_large_as_a_model(kind: bytes, tmp_path: Path) -> None:
    """tarfile reads it at once: 0.9 MB of gzip made 200 MB of header, and 600 MB of memory."""
    with pytest.raises(BadArchive, match="has a header of 4194304 bytes"):
        unpack(description(kind, 4 << 20), tmp_path, 1 << 30)


@pytest.mark.fault(63)
@pytest.mark.parametrize("kind", DESCRIPTIONS)
def test_headers_of_headers_have_an_end(kind: bytes, tmp_path: Path) -> None:
    with pytest.raises(BadArchive, match=r"is no whole \.tar\.gz \(RecursionError\)"):
        unpack(description(kind, 0, times=3000), tmp_path, 1 << 30)
