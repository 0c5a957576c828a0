"""Owns what should not get into a slug although nothing keeps it out: pickles, data, secrets, large files. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from server.doctor.checkout import Checkout
from server.doctor.finding import Finding
from server.models.folder import PICKLES

MB = 1_000_000
LARGE_BYTES = MB  # the largest file of ours that ships is a tenth of that
DATA = frozenset(
    {".csv", ".tsv", ".parquet", ".feather", ".arrow", ".avro", ".orc", ".h5", ".hdf5", ".npy", ".npz", ".mat"}
    | {".jsonl", ".ndjson", ".xls", ".xlsx", ".dta", ".sas7bdat", ".rds", ".sql", ".dump", ".ipynb"}
    | {".sqlite", ".sqlite3", ".db", ".duckdb", ".zip", ".gz", ".bz2", ".xz", ".zst", ".tar", ".tgz", ".7z", ".rar"}
    | {".pt", ".pth", ".safetensors"}
)
ENVIRONMENT = re.compile(r"\.env(\.(?!example$|sample$|template$|dist$)\w+)*")
COMMIT = 'git commit -m "Mend the slug"'


def find_strays(checkout: Checkout, shipped: Sequence[str], models: str, list_of: str) -> Iterator[Finding]:
    """``shipped``: the committed files that get into the slug; ``models``: the folder of models.

    ``list_of``: the file that says what stays out of it.
    """
    for path in shipped:
        parts = PurePosixPath(path)
        ours = path.startswith((f"{models}/", "server/"))
        if path in checkout.private_keys or ENVIRONMENT.fullmatch(parts.name):
            yield _secret(path)
        elif parts.suffix.lower() in PICKLES and not path.startswith(f"{models}/"):
            yield Finding(f"{path} is a pickle and would ship, where nothing opens it", _forget(path))
        elif parts.suffix.lower() in DATA:
            yield Finding(f"{path} looks like data and would ship", _keep_out(path, list_of))
        elif (size := checkout.committed[path].size) > LARGE_BYTES and not ours:
            what = f"{path} has {size / MB:,.1f} MB, is no part of the server and would ship"
            yield Finding(what, _keep_out(path, list_of))


def _secret(path: str) -> Finding:
    return Finding(
        f"{path} is committed, with the keys in it; make new ones too, as git's history keeps these", _forget(path)
    )


def _forget(path: str) -> str:
    line = shlex.quote(f"/{path}")
    return f"git rm --cached --quiet {shlex.quote(path)} && echo {line} >> .gitignore && git add .gitignore && {COMMIT}"


def _keep_out(path: str, list_of: str) -> str:
    if list_of != ".slugignore":
        return f'put "/{path}" into `exclude` of {list_of}, then git add {list_of} && {COMMIT}'
    return f"echo {shlex.quote(f'/{path}')} >> .slugignore && git add .slugignore && {COMMIT}"
