"""Owns where the public key and the signatures of models lie: a setting, and a file beside each model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from server.artefact.onnxfile import BadFile
from server.artefact.signing import MAX_SIGNATURE_BYTES, SUFFIX, BadKey, Verifier
from server.models.files import read_beginning
from server.models.folder import VersionFile
from server.settings import BadSetting

Check = Callable[[VersionFile, bytes, bytes | None], None]  # of a file, its bytes and signature; raises BadFile


def make_check(verify_key: str | None) -> Check | None:
    """The check by the public key in DYNONNX_VERIFY_KEY, a path or PEM; None without. Raises BadSetting."""
    if verify_key is None:
        return None
    try:
        pem = verify_key if verify_key.startswith("-----") else Path(verify_key).read_text("ascii", "replace")
        verifier = Verifier(pem)
    except OSError as error:
        raise BadSetting(f"DYNONNX_VERIFY_KEY: cannot read {verify_key}: {error.strerror}") from None
    except BadKey as error:
        raise BadSetting(f"DYNONNX_VERIFY_KEY: {error}") from None

    def check(file: VersionFile, data: bytes, signature: bytes | None) -> None:
        verifier.check(file.name, file.version, data, signature)

    return check


def signature_path(model: Path) -> Path:
    """Where the signature of a model's file lies."""
    return model.with_name(model.name + SUFFIX)


def read_signature(folder: Path, model: Path) -> bytes | None:
    """The signature beside a model's file, or its beginning where it is too long to be one; None without.

    As the model's own, its links stay inside of the folder.
    """
    try:
        return read_beginning(folder, signature_path(model), MAX_SIGNATURE_BYTES)
    except (BadFile, OSError):
        return None
