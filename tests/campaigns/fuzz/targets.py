"""Owns what is fuzzed: functions of bytes that may only return or refuse, and bytes to begin with. Knows no fuzzer.

Needs what a dyno has and the example models, nothing more: atheris runs on an older Python than ours.
"""

from __future__ import annotations

import contextlib
import copy
import gzip
import io
import json
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from server.artefact.metadata import PREFIX, BadArtefact, from_metadata
from server.artefact.onnxfile import BadFile, check_known, read_onnxfile
from server.codecs.codec import Codec
from server.codecs.predict import PredictCodec
from server.endpoints.gate import Gate
from server.errors import ServerError
from server.fetching.address import read_addresses
from server.fetching.archive import BadArchive, unpack
from server.fetching.download import FetchFailed, redirected
from server.models.folder import VersionFile
from server.models.loading import load_model
from server.models.repository import Model
from server.settings import BadSetting, public_settings, read_settings
from tests.support.server.decoding import decode

ROOT = Path(__file__).parents[3]
MAX_ROWS, MAX_BODY_BYTES = 100, 100_000
CLIENTS_FAULTS = frozenset({400, 413, 415, 422})


DIGEST = b"#sha256=" + b"ab" * 32
ADDRESSES = (
    b"https://user:p%40ss@h:8443/iris/2/model.onnx?token=x" + DIGEST,
    b"s3://bucket/models.tgz" + DIGEST + b" http://[::1]:81/iris.onnx" + DIGEST + b"&name=a&version=3",
    b"https://user:1/2@h/iris.onnx" + DIGEST,
)
PLACES = (b"/c", b"//h/c?d#e", b"https://[::1]:1/", b"file:///etc/passwd", b"../../c d\xff")


@dataclass(frozen=True)
class Target:
    """``run`` may raise nothing. ``seeds``: bytes that it takes or refuses for a reason."""

    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]


class Wrong(Exception):
    """A refusal that no client's bytes may cause, or two answers to the same."""


def packed(kind: bytes) -> bytes:
    """A tar of a model with a signature, then of a member of this kind."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in ("iris/1/model.onnx", "iris/1/model.onnx.sig", "\u00e9" * 60 + "/x"):
            member = tarfile.TarInfo(name)
            member.size = 5
            tar.addfile(member, io.BytesIO(b"model"))
        last = tarfile.TarInfo("churn.onnx")
        last.type, last.linkname = kind, "../../out"
        tar.addfile(last)
    return made.getvalue()


def load(name: str) -> Model:
    """An example model, under narrow limits."""
    file = VersionFile(name, "1", ROOT / "examples" / "models" / name / "1" / "model.onnx")
    return load_model(
        file, max_rows=MAX_ROWS, max_batch_rows=8, max_body_bytes=MAX_BODY_BYTES, ort_threads=1, batch="proven"
    )


def decoding(codec: Codec | None, *headers: tuple[bytes, bytes]) -> Callable[[bytes], None]:
    """A body, as it comes after these headers."""
    assert codec is not None

    def run(body: bytes) -> None:
        try:
            decode(codec, body, codec.read_headers(headers))
        except ServerError as error:
            if error.status not in CLIENTS_FAULTS:
                raise Wrong from error

    return run


def tensors(codec: Codec, *headers: tuple[bytes, bytes]) -> Callable[[bytes], None]:
    """JSON up to the first NUL, then binary, after a head that says so; compressed if ``headers`` say that."""

    def run(body: bytes) -> None:
        length = b"%d" % (len(body) if headers else len(body.partition(b"\0")[0]))
        decoding(codec, (b"inference-header-content-length", length), *headers)(body)

    return run


def numbers(codec: PredictCodec | None) -> Callable[[bytes], None]:
    """A body that is read straight into a buffer, where it can be, and by the parser."""
    assert codec is not None
    ways = copy.copy(codec), copy.copy(codec)
    ways[1]._matrix = None
    if ways[0]._matrix is not None:
        ways[0]._matrix = copy.copy(ways[0]._matrix)
        ways[0]._matrix.least = 0

    def told(way: PredictCodec, body: bytes) -> object:
        try:
            entry = decode(way, body)
        except ServerError as error:
            return error.code, error.message
        return entry.rows, entry.buffers, entry.single, id(entry.group)

    def run(body: bytes) -> None:
        if told(ways[0], body) != told(ways[1], body):
            raise Wrong(body)

    return run


def onnx_file(data: bytes) -> None:
    """A file of the folder."""
    try:
        check_known(read_onnxfile(data))
    except BadFile:
        return


def metadata(data: bytes) -> None:
    """What a file says of itself: keys and values, one after the other, between NULs."""
    parts = data.decode("utf-8", "replace").split("\0")
    try:
        from_metadata({PREFIX + key: value for key, value in zip(parts[::2], parts[1::2], strict=False)})
    except BadArtefact:
        return


def settings(data: bytes) -> None:
    """An environment: names and values between NULs."""
    parts = data.decode("utf-8", "replace").split("\0")
    try:
        public_settings(read_settings(dict(zip(parts[::2], parts[1::2], strict=False))))
    except BadSetting:
        return


def headers(data: bytes) -> None:
    """A head's lines, as a parser gives them."""
    gate = Gate(keys=["k" * 16], max_body_bytes=MAX_BODY_BYTES, deadline_seconds=25.0)
    lines = [(name, value) for name, _, value in (line.partition(b":") for line in data.split(b"\n"))]
    for check in (gate.admit, gate.identify, lambda given: gate.authorise("/predict", given)):
        try:
            check(lines)
        except ServerError as error:
            if error.status not in {401, *CLIENTS_FAULTS}:
                raise Wrong from error


def addresses(data: bytes) -> None:
    """What DYNONNX_MODELS_FROM says; a refusal is one line that a terminal may show."""
    try:
        read_addresses(data.decode("utf-8", "surrogateescape").split())
    except BadSetting as error:
        if not str(error).isprintable():
            raise Wrong from error


def redirects(data: bytes) -> None:
    """Where a host says that a file lies now, as http.client reads it."""
    try:
        further = redirected("https://h/a?b", data.decode("latin-1"))
    except FetchFailed as error:
        if not str(error).isprintable():
            raise Wrong from error
    else:
        if not further.startswith("https://"):
            raise Wrong


def archive(data: bytes) -> None:
    """A tar, which is packed first: what gzip itself finds damaged never comes to it."""
    with tempfile.TemporaryDirectory() as above:
        folder = Path(above, "stage")
        folder.mkdir()
        with contextlib.suppress(BadArchive):
            unpack(io.BytesIO(gzip.compress(data, 1, mtime=0)), folder, MAX_BODY_BYTES)
        if list(Path(above).iterdir()) != [folder] or any(path.is_symlink() for path in folder.rglob("*")):
            raise Wrong


def make_targets() -> Mapping[str, Target]:
    """Every target by name. Loads two example models."""
    iris, churn = load("iris"), load("churn")
    assert churn.artefact is not None
    names = [feature.name for feature in churn.artefact.features]
    row = dict(zip(names, churn.artefact.golden.rows[0], strict=True))
    tensor = b'{"inputs":[{"name":"%b","shape":[1,4],"datatype":"FP64","data":[5.1,3.5,1.4,0.2]}]}'
    infer = tensor % iris.runtime.inputs[0].name.encode()
    binary = infer.replace(b'"data":[5.1,3.5,1.4,0.2]', b'"parameters":{"binary_data_size":32}') + bytes(32)
    by_name = json.dumps({"features": row}).encode()
    records = json.dumps({"dataframe_records": [row]}).encode()
    table = ",".join(row) + "\n" + ",".join(map(str, row.values())) + "\n"
    deep, many = b'{"features":' + b"[" * 1025 + b"]" * 1025 + b"}", b'{"features":[' + b"[]," * 200 + b"[]]}"
    plain = b'{"features":[[5.1,3.5,1.4,0.2]],"probabilities":true}'
    artefact = b"\0".join(f"{key.removeprefix(PREFIX)}\0{text}".encode() for key, text in iris.runtime.metadata.items())
    files = tuple((ROOT / "examples" / "models" / name / "1" / "model.onnx").read_bytes() for name in ("iris", "churn"))
    return {
        "predict": Target(decoding(iris.predict), (plain, deep, many, b"", b'{"features":[NaN]}', b"\xef\xbb\xbf{}")),
        "numbers": Target(numbers(iris.predict), (plain, plain.replace(b"3.5", b"-1E-400"), b'{"features":[1,2,3,4]}')),
        "predict-mixed": Target(decoding(churn.predict), (by_name, by_name.replace(b":", b":null,", 1))),
        "invocations": Target(decoding(churn.mlflow), (records, b'{"instances":[]}', b'{"inputs":{"a":[1]}}')),
        "csv": Target(decoding(churn.mlflow, (b"content-type", b"text/csv")), (table.encode(), b'"', b",,,\n,,,\n")),
        "infer": Target(tensors(iris.v2), (infer, binary, infer.replace(b"1,4", b"18446744073709551616,4"))),
        "infer-gzip": Target(tensors(iris.v2, (b"content-encoding", b"gzip")), (gzip.compress(infer, mtime=0),)),
        "onnx": Target(onnx_file, files),
        "metadata": Target(metadata, (artefact,)),
        "settings": Target(settings, (b"PORT\x0080", b"DYNONNX_API_KEYS\0" + b"k" * 20, b"DYNONNX_CORS_ORIGINS\0*")),
        "headers": Target(headers, (b"host:a\ncontent-length:5\nauthorization:Bearer x", b"x-request-start:1")),
        "addresses": Target(addresses, ADDRESSES),
        "redirects": Target(redirects, PLACES),
        "archive": Target(archive, tuple(map(packed, (tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.GNUTYPE_LONGNAME)))),
    }
