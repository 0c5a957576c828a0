"""Addresses: where their files go, which are refused, and that no error shows a secret."""

from __future__ import annotations

import pytest

from server.fetching.address import is_loopback, read_addresses, refusal, shown
from server.settings import BadSetting

DIGEST = "ab" * 32
SECRET = "s3cr3t"  # noqa: S105 - of a test


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("https://h/iris.onnx", "iris/1/model.onnx"),
        ("https://h/models/iris/2/model.onnx", "iris/2/model.onnx"),
        ("https://h/iris/1.0.0-rc1/model.onnx?X-Amz-Signature=ab", "iris/1.0.0-rc1/model.onnx"),
        ("s3://bucket/deep/er/iris.onnx", "iris/1/model.onnx"),
        ("https://h/iris.onnx.sig", "iris/1/model.onnx.sig"),
        ("https://h/iris/3/model.onnx.sig", "iris/3/model.onnx.sig"),
        ("https://h/a%2Db.onnx", "a-b/1/model.onnx"),
        ("https://h/model.onnx", "model/1/model.onnx"),
        ("http://localhost:81/iris.onnx", "iris/1/model.onnx"),
        ("http://[::1]:81/iris.onnx", "iris/1/model.onnx"),
        ("https://h/models.tar.gz", None),
        ("https://h/models.tgz?x=y", None),
    ],
)
def test_a_file_goes_where_its_path_says(address: str, place: str | None) -> None:
    (read,) = read_addresses([f"{address}#sha256={DIGEST.upper()}"])
    assert (read.place, read.sha256, read.url) == (place, DIGEST, address)


def test_a_name_and_a_version_may_be_given() -> None:
    one, other = read_addresses(
        [f"https://h/x.onnx#sha256={DIGEST}&name=iris&version=7", f"https://h/iris.onnx#sha256={DIGEST}&version=8"]
    )
    assert (one.place, other.place) == ("iris/7/model.onnx", "iris/8/model.onnx")


@pytest.mark.fault(61)
@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("iris.onnx", "is no address that is fetched from"),
        (f"ftp://h/iris.onnx#sha256={DIGEST}", "https or s3"),
        (f"file:///etc/iris.onnx#sha256={DIGEST}", "https or s3"),
        (f"http://h/iris.onnx#sha256={DIGEST}", "is not encrypted: use https"),
        (f"http://127.0.0.1.example/iris.onnx#sha256={DIGEST}", "is not encrypted"),
        (f"https:///iris.onnx#sha256={DIGEST}", "is no address"),
        (f"https://h:x/iris.onnx#sha256={DIGEST}", "is no address"),
        (f"https://h:0/iris.onnx#sha256={DIGEST}", "is no address"),
        (f"https://h/\u00efris.onnx#sha256={DIGEST}", "is no address"),
        (f"ftp://h/\x1b[2J#sha256={DIGEST}", "an address is no address"),
        ("https://h/iris.onnx", "has no digest: add #sha256= and what `sha256sum iris.onnx` shows"),
        ("https://h/iris.onnx#sha256=abc", "has no digest"),
        (f"https://h/iris.onnx#{DIGEST}", "has no digest"),
        (f"https://h/iris.onnx#sha256={DIGEST}&size=3", "not 'size'"),
        (f"https://h/iris.pkl#sha256={DIGEST}", "is neither .onnx"),
        (f"https://h/..onnx#sha256={DIGEST}", "names no model and version"),
        (f"https://h/..%2Firis%2Fx%20y.onnx#sha256={DIGEST}", "names no model and version"),
        (f"https://h/iris.onnx#sha256={DIGEST}&name=../up", "names no model and version"),
        (f"https://h/models.tgz#sha256={DIGEST}&name=iris", "leave &name= out"),
    ],
)
def test_what_is_no_address_says_what_mends_it(address: str, said: str) -> None:
    with pytest.raises(BadSetting, match=r"^DYNONNX_MODELS_FROM: ") as refused:
        read_addresses([address])
    assert said in str(refused.value)


def test_two_addresses_for_one_place_are_refused() -> None:
    with pytest.raises(BadSetting, match=r"two addresses are for iris/1/model.onnx"):
        read_addresses([f"https://h/iris.onnx#sha256={DIGEST}", f"https://h/iris/1/model.onnx#sha256={DIGEST}"])


@pytest.mark.fault(61)
@pytest.mark.parametrize(
    "address",
    [
        f"https://user:{SECRET}@h/iris.onnx?token={SECRET}",
        f"http://user:{SECRET}@h/iris.onnx?token={SECRET}#sha256={DIGEST}",
        f"https://user:{SECRET}@h:port/iris.onnx#sha256={DIGEST}",
        f"ftp://user:{SECRET}@h/iris.onnx#sha256={DIGEST}",
        f"{SECRET}",
        f"https://[{SECRET}/iris.onnx",
        f"https://user:{SECRET}@h/iris.pkl?token={SECRET}#sha256={DIGEST}",
        f"https://user:{SECRET}/x@h/iris.onnx#sha256={DIGEST}",
        f"https://user:{SECRET}?x@h/iris.onnx#sha256={DIGEST}",
        f"https://user:{SECRET}#x@h/iris.onnx#sha256={DIGEST}",
        f"https://user:1/{SECRET}@h/iris.onnx#sha256={DIGEST}",
        f"https://user:x@1/{SECRET}@h/iris.onnx#sha256={DIGEST}",
        f"https://user:{SECRET}/iris.onnx#sha256={DIGEST}",
        f"https://h/\x1b{SECRET}/iris.onnx#sha256={DIGEST}",
    ],
)
def test_no_refusal_shows_a_secret(address: str) -> None:
    with pytest.raises(BadSetting) as refused:
        read_addresses([address])
    assert SECRET not in str(refused.value)


def test_an_at_sign_stands_before_the_host_alone() -> None:
    """Who writes a / of a password as it is would have its first half asked for as a host, and see the second."""
    with pytest.raises(BadSetting, match="has an @ behind its host: write it as %40, and in a password / as %2F"):
        read_addresses([f"https://user:12/34@h/iris.onnx#sha256={DIGEST}"])
    (read,) = read_addresses([f"https://user:12%2F34@h/pkg%401.0/iris.onnx#sha256={DIGEST}"])
    assert read.shown == "https://h/pkg%401.0/iris.onnx"


def test_what_is_shown_and_what_this_machine_is() -> None:
    assert shown("https://u:p@h:8443/a/b?c=d#e") == "https://h:8443/a/b"
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.9.9.9", "::1")))
    assert not any(map(is_loopback, ("", "h", "10.0.0.1", "0.0.0.0", "127.0.0.1.example")))
    assert refusal("s3://bucket/key") is None
