"""Owns what DYNONNX_MODELS_FROM says: where a file lies, its digest, its place in the models folder. Pure.

What a person is shown of an address has no user, password or query: these may let anyone in.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from server.artefact.metadata import NAME_PATTERN
from server.settings import BadSetting

SETTING = "DYNONNX_MODELS_FROM"
MODEL, SIGNATURE = ".onnx", ".onnx.sig"
ARCHIVES = (".tar.gz", ".tgz")
SCHEMES = ("https", "http", "s3")
EXAMPLE = "https://host/iris.onnx#sha256=..."
NO_ADDRESS = "is no address"
_AT_BEHIND_HOST = re.compile(r"[^/?#]*//[^/?#]*[/?#].*@", re.DOTALL)
WORDS = frozenset({"sha256", "name", "version"})  # what may stand behind the #


class Address(NamedTuple):
    """One file elsewhere. ``place``: its path in the models folder, None for an archive of such a folder."""

    url: str  # without what stands behind the #; may hold secrets
    shown: str
    sha256: str
    place: str | None


def read_addresses(texts: Sequence[str]) -> tuple[Address, ...]:
    """Reads every address. Raises BadSetting, which shows no secret."""
    addresses = tuple(_read(text) for text in texts)
    places = [address.place for address in addresses if address.place]
    for place in places:
        if places.count(place) > 1:
            raise BadSetting(f"{SETTING}: two addresses are for {place}: give one of them another &version=")
    return addresses


def shown(url: str) -> str:
    """An address without user, password, query and what stands behind the #."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its name or number alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def refusal(url: str) -> str | None:
    """Why nothing is fetched from an address, by its scheme and host; None if it may be asked."""
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        return NO_ADDRESS
    if not re.fullmatch(r"[\x21-\x7e]+", url):  # nor may it be shown
        return NO_ADDRESS
    if parts.scheme not in SCHEMES:
        return f"is no address that is fetched from: https or s3, as {EXAMPLE}"
    if not host or port == 0:
        return NO_ADDRESS
    if parts.scheme == "http" and not is_loopback(host):
        return "is not encrypted: use https (http is for this machine alone)"
    return None


def _read(text: str) -> Address:
    if _AT_BEHIND_HOST.match(text):  # the host may be a part of a password, which would be shown and asked for
        raise BadSetting(
            f"{SETTING}: an address has an @ behind its host: write it as %40, and in a password / as %2F, ? as %3F,"
            " # as %23"
        )
    url, _, fragment = text.partition("#")
    try:
        parts, said = urlsplit(url), dict(parse_qsl(fragment, keep_blank_values=True, strict_parsing=True))
    except ValueError:
        parts, said = urlsplit(""), {}
    reason = refusal(url)
    where = shown(url) if parts.netloc and reason != NO_ADDRESS else "an address"
    if reason:
        raise BadSetting(f"{SETTING}: {where} {reason}")
    sha256 = said.get("sha256", "").lower()
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        file = parts.path.rpartition("/")[2] or "FILE"
        raise BadSetting(f"{SETTING}: {where} has no digest: add #sha256= and what `sha256sum {file}` shows")
    if unknown := sorted(said.keys() - WORDS):
        raise BadSetting(f"{SETTING}: {where}: behind the # stand {', '.join(sorted(WORDS))}, not {unknown[0]!r}")
    return Address(url, where, sha256, _place(parts, said, where))


def _place(parts: SplitResult, said: dict[str, str], where: str) -> str | None:
    """``iris/2/model.onnx`` of ``.../iris/2/model.onnx``, and ``iris/1/model.onnx`` of ``.../iris.onnx``."""
    path = unquote(parts.path)
    if path.endswith(ARCHIVES):
        if len(said) > 1:
            raise BadSetting(f"{SETTING}: {where} is an archive, whose folders name its models: leave &name= out")
        return None
    suffix = next((suffix for suffix in (SIGNATURE, MODEL) if path.endswith(suffix)), None)
    if suffix is None:
        raise BadSetting(f"{SETTING}: {where} is neither .onnx, .onnx.sig, .tar.gz nor .tgz: put the file there as one")
    *folders, stem = path.removesuffix(suffix).split("/")
    name, version = stem, "1"
    if stem == "model" and len(folders) >= 2:
        name, version = folders[-2:]
    name, version = said.get("name", name), said.get("version", version)
    if not (NAME_PATTERN.fullmatch(name) and NAME_PATTERN.fullmatch(version)):
        raise BadSetting(f"{SETTING}: {where} names no model and version: add &name=iris&version=1 behind the digest")
    return f"{name}/{version}/model{suffix}"
