"""Owns what the signature of a model says, and its check: Ed25519 over name, version and content. Knows no folder.

PyNaCl does the arithmetic. A dyno without DYNONNX_VERIFY_KEY has no need of it, so it is imported where a key is read.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import TYPE_CHECKING

from server.artefact.onnxfile import BadFile

if TYPE_CHECKING:
    from nacl.signing import SigningKey, VerifyKey

SUFFIX = ".sig"  # of the file beside the model's
MAX_SIGNATURE_BYTES = 200
# DER of a key as OpenSSL writes it, up to its 32 bytes: RFC 8410.
_PUBLIC, _PRIVATE = bytes.fromhex("302a300506032b6570032100"), bytes.fromhex("302e020100300506032b657004220420")
_INSTALL = "signatures need PyNaCl: python -m pip install -r requirements-signing.txt"


class BadKey(ValueError):
    """No Ed25519 key can be made of a text, or no library can use it. Never quotes the text."""


def statement(name: str, version: str, data: bytes) -> bytes:
    """The bytes that are signed: four lines, so that a signed file can take no other's name or version."""
    content = hashlib.sha256(data).hexdigest()
    return f"dynonnx model\nname {name}\nversion {version}\nsha256 {content}\n".encode()


def sign(private_pem: str, name: str, version: str, data: bytes) -> str:
    """The signature of a file as text, one line of base64. Raises BadKey."""
    made = _signing_key(private_pem).sign(statement(name, version, data))
    return base64.b64encode(made.signature).decode() + "\n"


class Verifier:
    """Checks files against one public key. Raises BadKey."""

    def __init__(self, public_pem: str) -> None:
        self._key = _verify_key(public_pem)

    def check(self, name: str, version: str, data: bytes, signature: bytes | None) -> None:
        """Raises BadFile unless this signature of this file under this name and version is the key's owner's."""
        if signature is None:
            raise BadFile("is not signed, and this server takes signed models alone: see docs/deploy.md")
        from nacl.exceptions import CryptoError

        try:
            self._key.verify(statement(name, version, data), base64.b64decode(signature.strip(), validate=True))
        except (CryptoError, ValueError, binascii.Error):
            raise BadFile(f"has a signature that is not of this file as '{name}' version {version}: sign it") from None


def _verify_key(pem: str) -> VerifyKey:
    try:
        from nacl.signing import VerifyKey
    except ImportError:
        raise BadKey(_INSTALL) from None
    return VerifyKey(_key_bytes(pem, "PUBLIC KEY", _PUBLIC))


def _signing_key(pem: str) -> SigningKey:
    try:
        from nacl.signing import SigningKey
    except ImportError:
        raise BadKey(_INSTALL) from None
    return SigningKey(_key_bytes(pem, "PRIVATE KEY", _PRIVATE))


def _key_bytes(pem: str, label: str, prefix: bytes) -> bytes:
    match = re.fullmatch(rf"\s*-----BEGIN {label}-----([A-Za-z0-9+/=\s]+)-----END {label}-----\s*", pem)
    try:
        der = base64.b64decode("".join(match[1].split()), validate=True) if match else b""
    except binascii.Error:
        der = b""
    if len(der) != len(prefix) + 32 or not der.startswith(prefix):
        raise BadKey(f"expected one Ed25519 key in PEM, with the line -----BEGIN {label}-----")
    return der[len(prefix) :]
