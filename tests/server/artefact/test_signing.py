"""Signatures: of these bytes under this name and version, by the owner of the key, or refused."""

from __future__ import annotations

import base64
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.artefact.onnxfile import BadFile

pytest.importorskip("nacl", reason="PyNaCl is not installed")

from server.artefact.signing import BadKey, Verifier, sign, statement
from tests.support.models.keys import PRIVATE, PUBLIC, key_pair, pem

DATA = b"the bytes of a model"
PRIVATE_KEY, PUBLIC_KEY = key_pair()
SIGNED = sign(PRIVATE_KEY, "iris", "2", DATA).encode()


def test_what_was_signed_passes() -> None:
    Verifier(PUBLIC_KEY).check("iris", "2", DATA, SIGNED)
    Verifier(f"\n{PUBLIC_KEY}\n").check("iris", "2", DATA, b" " + SIGNED)


@pytest.mark.parametrize(
    ("name", "version", "data"),
    [
        ("iris", "2", DATA + b"."),
        ("iris", "2", b""),
        ("iris", "3", DATA),
        ("rose", "2", DATA),
        ("iris\nversion 2", "", DATA),
    ],
    ids=["longer", "empty", "another version", "another name", "a name with a line"],
)
def test_a_signature_is_of_one_content_name_and_version(name: str, version: str, data: bytes) -> None:
    with pytest.raises(BadFile, match="a signature that is not of this file"):
        Verifier(PUBLIC_KEY).check(name, version, data, SIGNED)


def test_another_key_opens_nothing() -> None:
    with pytest.raises(BadFile, match="not of this file"):
        Verifier(key_pair(2)[1]).check("iris", "2", DATA, SIGNED)


def test_no_signature_is_told_as_such() -> None:
    with pytest.raises(BadFile, match="is not signed"):
        Verifier(PUBLIC_KEY).check("iris", "2", DATA, None)


@given(st.binary(max_size=200) | st.binary(min_size=64, max_size=64).map(base64.b64encode))
def test_any_other_bytes_are_no_signature(signature: bytes) -> None:
    with pytest.raises(BadFile, match="not of this file"):
        Verifier(PUBLIC_KEY).check("iris", "2", DATA, signature)


@pytest.mark.parametrize("at", range(0, 64, 7))
def test_a_signature_with_a_bit_changed_is_none(at: int) -> None:
    changed = bytearray(base64.b64decode(SIGNED))
    changed[at] ^= 1
    with pytest.raises(BadFile, match="not of this file"):
        Verifier(PUBLIC_KEY).check("iris", "2", DATA, base64.b64encode(changed))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no key",
        PRIVATE_KEY,
        PUBLIC_KEY + PUBLIC_KEY,
        pem("PUBLIC KEY", bytes(44)),
        pem("PUBLIC KEY", bytes.fromhex(PUBLIC) + bytes(31)),
        pem("PUBLIC KEY", bytes.fromhex(PRIVATE) + bytes(32)),
        "-----BEGIN PUBLIC KEY-----\n=A=\n-----END PUBLIC KEY-----\n",
    ],
)
def test_what_is_no_key_is_refused_without_being_told(text: str) -> None:
    with pytest.raises(BadKey, match="expected one Ed25519 key") as caught:
        Verifier(text)
    assert text.strip()[30:60] not in str(caught.value) or not text.strip()[30:60]


def test_a_private_key_is_asked_for_where_one_is_due() -> None:
    with pytest.raises(BadKey, match="BEGIN PRIVATE KEY"):
        sign(PUBLIC_KEY, "iris", "2", DATA)


def test_without_the_library_a_key_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nacl.signing", None)
    with pytest.raises(BadKey, match=r"requirements-signing\.txt"):
        Verifier(PUBLIC_KEY)
    with pytest.raises(BadKey, match=r"requirements-signing\.txt"):
        sign(PRIVATE_KEY, "iris", "2", DATA)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_makes_such_keys_and_signs_alike(tmp_path: Path) -> None:
    private, public, told = tmp_path / "key.pem", tmp_path / "public.pem", tmp_path / "statement"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
    told.write_bytes(statement("iris", "2", DATA))
    signing = ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", str(private), "-in", str(told)]
    made = subprocess.run(signing, check=True, capture_output=True).stdout
    assert base64.b64decode(sign(private.read_text(), "iris", "2", DATA)) == made
    Verifier(public.read_text()).check("iris", "2", DATA, base64.b64encode(made))
