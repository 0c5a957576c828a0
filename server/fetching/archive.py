"""Owns what is taken out of a packed models folder: models and their signatures, nothing else. Knows no addresses.

No path, type, size or number that the archive says of itself is believed.
"""

from __future__ import annotations

import gzip
import shutil
import tarfile
import zlib
from pathlib import Path
from typing import IO, Any, Self, cast

from server.artefact.metadata import NAME_PATTERN
from server.fetching.address import MODEL, SIGNATURE
from server.models.folder import MOST_ENTRIES

DESCRIPTIONS = (  # members that say something of the next: a long name, a long link, anything
    tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE,
)  # fmt: skip
MOST_DESCRIPTION_BYTES = 2 << 20  # a long path takes some hundred


class BadArchive(Exception):
    """Why it cannot be unpacked, and the remedy; begins behind its address."""


def unpack(packed: IO[bytes], folder: Path, most_bytes: int) -> list[str]:
    """Writes models and signatures into an empty folder; returns their paths in it. Raises BadArchive, OSError."""
    try:
        with (
            gzip.GzipFile(fileobj=packed) as unpacked,
            tarfile.open(fileobj=cast("Any", _Bounded(unpacked, most_bytes)), mode="r|", tarinfo=_Member) as archive,
        ):
            return _unpack(archive, folder)
    except (
        tarfile.TarError,
        gzip.BadGzipFile,
        EOFError,
        zlib.error,
        UnicodeError,
        ValueError,
        RecursionError,
    ) as error:
        raise BadArchive(f"is no whole .tar.gz ({type(error).__name__}): pack it again") from None


class _Member(tarfile.TarInfo):
    """A member whose description, which tarfile holds in memory whole, several times over, is no larger than one is.

    Descriptions of descriptions are read within each other: so many of them are a RecursionError.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        member = super().frombuf(buf, encoding, errors)
        if member.type in DESCRIPTIONS and member.size > MOST_DESCRIPTION_BYTES:
            raise BadArchive(f"has a header of {member.size} bytes: pack the models alone")
        return member


class _Bounded:
    """What unpacking gives, up to so many bytes: headers may be as large as models."""

    def __init__(self, unpacked: gzip.GzipFile, most_bytes: int) -> None:
        self._unpacked = unpacked
        self._most = most_bytes
        self._left = most_bytes + tarfile.RECORDSIZE

    def read(self, size: int) -> bytes:
        """The next bytes. Raises BadArchive behind the bound."""
        data = self._unpacked.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise BadArchive(f"unpacks to more than {self._most} bytes: set DYNONNX_FETCH_BYTES if that is right")
        return data


def _unpack(archive: tarfile.TarFile, folder: Path) -> list[str]:
    places: list[str] = []
    for number, member in enumerate(archive, 1):
        if number > MOST_ENTRIES:
            raise BadArchive(f"has more than {MOST_ENTRIES} entries: pack the models alone")
        if (place := place_of(member.name)) is None:
            continue
        if not member.isreg() or member.issparse():
            raise BadArchive(
                f"holds {member.name[:200]!r} as a link or the like: pack the file itself (tar --dereference)"
            )
        if place in places:
            raise BadArchive(f"holds {place} twice: pack one of them")
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        with cast("IO[bytes]", archive.extractfile(member)) as source, path.open("xb") as target:
            shutil.copyfileobj(source, target)
        places.append(place)
    if not places:
        raise BadArchive("holds no model: pack the folder as `tar -czf models.tar.gz models`")
    return places


def place_of(path: str) -> str | None:
    """Where a member belongs in the models folder; None for what is no model and no signature of one.

    ``models/iris/1/model.onnx``, ``./iris/1/model.onnx`` and ``iris.onnx`` do; what the folder would hide does not.
    """
    parts = [part for part in path.split("/") if part not in ("", ".")]
    suffix = next((suffix for suffix in (SIGNATURE, MODEL) if path.endswith(suffix)), None)
    if suffix is None or path.startswith("/") or ".." in parts:
        return None
    parts[-1] = parts[-1].removesuffix(suffix)
    if len(parts) >= 3 and parts[-1] == "model":
        *above, name, version, _ = parts
    else:
        *above, name = parts
        version = "1"
    if len(above) > 1 or not (NAME_PATTERN.fullmatch(name) and NAME_PATTERN.fullmatch(version)):
        return None
    return f"{name}/{version}/model{suffix}"
