"""Owns the fetching of models: what is here already, what is downloaded, what goes into the models folder.

Nothing of an address is in that folder before its digest was found to be the one that was asked for; then it appears
whole, by a rename. Knows neither processes nor the trial, which every file of the folder has before it serves.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import sleep
from typing import IO

from server.fetching.address import Address
from server.fetching.archive import BadArchive, unpack
from server.fetching.download import FetchFailed, Limits, Request, TryAgain, download, plain_request
from server.fetching.s3 import object_url, read_credentials, signed
from server.logs import log
from server.models.files import is_inside
from server.settings import BadSetting

RECORDS = ".fetched"  # of archives, in the models folder: which files each brought, with their digests
STAGE = ".fetching-"  # where files lie before they are renamed
WAITS = (1.0, 4.0)  # seconds before it is tried again
PIECE_BYTES = 1 << 20


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
            if _is_here(address, folder):
                log.info("%s is in %s/ already", address.shown, folder)
            else:
                _fetch(address, folder, limits, environment, wait)
        except (FetchFailed, BadArchive, BadSetting) as error:
            raise FetchFailed(f"{address.shown} {_joined(error)}") from None
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
            _check_targets(places, folder)
            if address.place is None:
                _record(address.sha256, {place: _digest(Path(stage, place)) for place in places}, folder)
            for place in places:
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


def _is_here(address: Address, folder: Path) -> bool:
    """Whether the folder holds just what the address would bring."""
    if address.place is not None:
        return _digest(folder / address.place) == address.sha256
    try:
        brought = json.loads((folder / RECORDS / f"{address.sha256}.json").read_text())
    except (OSError, ValueError):
        return False
    if not isinstance(brought, dict) or not brought:
        return False
    return all(sha256 and _digest(folder / place) == sha256 for place, sha256 in brought.items())


def _record(sha256: str, brought: Mapping[str, str | None], folder: Path) -> None:
    records = folder / RECORDS
    records.mkdir(exist_ok=True)
    (records / f"{sha256}.json").write_text(json.dumps(brought))


def _digest(path: Path) -> str | None:
    """The SHA-256 of a file; None where there is none that can be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
