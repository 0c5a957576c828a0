"""Owns the fetching of models: what is here already, what is downloaded, what goes into the models folder.

Nothing of an address is in that folder before its digest was found to be the one that was asked for; then it appears
whole, by a rename. Knows neither processes nor the trial, which every file of the folder has before it serves.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import sleep
from typing import IO

from server.artefact.onnxfile import BadFile
from server.fetching.address import Address
from server.fetching.archive import BadArchive, unpack
from server.fetching.download import FetchFailed, Limits, Request, TryAgain, download, plain_request
from server.fetching.s3 import object_url, read_credentials, signed
from server.logs import log
from server.models.files import digest_inside, is_inside, read_beginning
from server.settings import BadSetting

RECORDS = ".fetched"  # of archives, in the models folder: which files each brought, with their digests
STAGE = ".fetching-"  # where files lie before they are renamed
WAITS = (1.0, 4.0)  # seconds before it is tried again
PIECE_BYTES = 1 << 20
MOST_RECORD_BYTES = 8 << 20  # 10,000 names and digests are a quarter of it


def fetch_all(
    addresses: Sequence[Address],
    folder: Path,
    limits: Limits,
    environment: Mapping[str, str],
    wait: Callable[[float], None] = sleep,
) -> None:
    """Brings every file into the models folder that is not there. Raises FetchFailed, which names the address."""
    for address in addresses:
        try:
            if _is_here(address, folder, limits.bytes):
                log.info("%s is in %s/ already", address.shown, folder)
            else:
                _fetch(address, folder, limits, environment, wait)
        except (FetchFailed, BadArchive, BadSetting) as error:
            raise FetchFailed(f"{address.shown} {_joined(error)}") from None
        except ValueError as error:  # the library's own, which quotes what it was given: a host's name, a password
            told = type(error).__name__
            raise FetchFailed(f"{address.shown} cannot be asked ({told}): check it and its credentials") from None
        except OSError as error:
            place = f" {error.filename}" if isinstance(error.filename, str) else ""
            raise FetchFailed(f"{address.shown}: cannot write{place}: {error.strerror}: {_remedy(folder)}") from None


def _joined(error: Exception) -> str:
    return f"cannot be fetched: {error}" if isinstance(error, BadSetting) else str(error)


def _remedy(folder: Path) -> str:
    return f"{folder}/ and the temporary folder must be writable and have room; DYNONNX_MODELS and TMPDIR name others"


def _fetch(
    address: Address,
    folder: Path,
    limits: Limits,
    environment: Mapping[str, str],
    wait: Callable[[float], None],
) -> None:
    with tempfile.TemporaryFile() as file:
        size = _download(address, file, limits, environment, wait)
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        if sha256 != address.sha256:
            raise FetchFailed(
                f"has SHA-256 {sha256}, and {address.sha256} was asked for: it is another file, or was cut off; if it"
                " is the right one, write its digest into DYNONNX_MODELS_FROM"
            )
        file.seek(0)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=STAGE, dir=folder) as stage:
            places = _stage(address, file, Path(stage), limits.bytes)
            written = [*places, _record(address.sha256, places, Path(stage))] if address.place is None else places
            _check_targets(written, folder)
            for place in written:
                (folder / place).parent.mkdir(parents=True, exist_ok=True)
                Path(stage, place).replace(folder / place)
    log.info("fetched %s: %d bytes, %s", address.shown, size, ", ".join(places))


def _download(
    address: Address,
    file: IO[bytes],
    limits: Limits,
    environment: Mapping[str, str],
    wait: Callable[[float], None],
) -> int:
    """Downloads, again after a while where that may help; returns the size."""
    for seconds in (*WAITS, None):
        try:
            file.seek(0)
            file.truncate()
            return download(_request(address, environment), file, limits)
        except TryAgain as error:
            if seconds is None or limits.seconds_left() <= seconds:
                raise
            log.warning("%s %s (trying again in %.0f s)", address.shown, error, seconds)
            wait(seconds)
    raise AssertionError("the last try returns or raises")


def _request(address: Address, environment: Mapping[str, str]) -> Request:
    if not address.url.startswith("s3:"):
        return plain_request(address.url)
    credentials = read_credentials(environment)
    url = object_url(address.url, environment, credentials.region)
    return Request(url, signed(url, {}, credentials, datetime.now(UTC)), signed=True)


def _stage(address: Address, file: IO[bytes], stage: Path, most_bytes: int) -> list[str]:
    if address.place is None:
        return unpack(file, stage, most_bytes)
    path = stage / address.place
    path.parent.mkdir(parents=True)
    with path.open("xb") as target:
        shutil.copyfileobj(file, target, PIECE_BYTES)
    return [address.place]


def _check_targets(places: Sequence[str], folder: Path) -> None:
    """Raises FetchFailed where a link in the models folder leads out of it."""
    for place in places:
        if not is_inside(folder, (folder / place).parent):
            raise FetchFailed(f"would be written out of {folder}/, by the link {Path(place).parent}: remove the link")


# What is here already


def _is_here(address: Address, folder: Path, most_bytes: int) -> bool:
    """Whether the folder, into which others may write, holds just what the address would bring."""
    try:
        if address.place is not None:
            return digest_inside(folder, folder / address.place, most_bytes) == address.sha256
        brought = json.loads(read_beginning(folder, folder / _record_place(address.sha256), MOST_RECORD_BYTES))
        if not isinstance(brought, dict) or not brought:
            return False
        return all(
            sha256 and digest_inside(folder, folder / place, most_bytes) == sha256 for place, sha256 in brought.items()
        )
    except (BadFile, OSError, ValueError, RecursionError):
        return False


def _record(sha256: str, places: Sequence[str], stage: Path) -> str:
    """Writes beside the files of an archive what their digests are; returns its place in the models folder."""
    brought = {place: digest_inside(stage, stage / place, sys.maxsize) for place in places}
    path = stage / _record_place(sha256)
    path.parent.mkdir()
    path.write_text(json.dumps(brought))
    return _record_place(sha256)


def _record_place(sha256: str) -> str:
    return f"{RECORDS}/{sha256}.json"
