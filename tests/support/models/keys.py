"""Keys of tests as OpenSSL writes them, made of a number; they guard nothing."""

from __future__ import annotations

import base64

from nacl.signing import SigningKey

PRIVATE, PUBLIC = "302e020100300506032b657004220420", "302a300506032b6570032100"


def key_pair(number: int = 1) -> tuple[str, str]:
    """A private key and its public one, in PEM."""
    seed = bytes([number]) * 32
    public = bytes(SigningKey(seed).verify_key)
    return pem("PRIVATE KEY", bytes.fromhex(PRIVATE) + seed), pem("PUBLIC KEY", bytes.fromhex(PUBLIC) + public)


def pem(label: str, der: bytes) -> str:
    """DER in PEM's lines."""
    return f"-----BEGIN {label}-----\n{base64.b64encode(der).decode()}\n-----END {label}-----\n"
