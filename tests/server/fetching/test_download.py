"""Bytes from an address: bounded in size, time and redirects, and every failure says what mends it."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from server.fetching import download as module
from server.fetching.download import FetchFailed, Limits, Request, TryAgain, download, plain_request
from tests.support.server.file_host import (
    FileHost,
    endless,
    endless_chunks,
    file_host,
    gives,
    make_certificate,
    says,
)

BODY = bytes(range(256)) * 1000


@pytest.fixture
def host() -> Iterator[FileHost]:
    """A host of files over http."""
    with file_host() as made:
        yield made


def limits(most: int = 1_000_000, seconds: float = 60) -> Limits:
    return Limits(most, monotonic() + seconds)


def get(url: str, most: int = 1_000_000, seconds: float = 60) -> bytes:
    file = io.BytesIO()
    size = download(plain_request(url), file, limits(most, seconds))
    assert size == len(file.getvalue())
    return file.getvalue()


def test_a_body_comes_whole(host: FileHost) -> None:
    host.answers["/iris.onnx"] = gives(BODY)
    assert get(f"{host.base}/iris.onnx?x=y") == BODY
    assert host.paths == ["/iris.onnx?x=y"]
    assert get(f"{host.base}/iris.onnx", most=len(BODY)) == BODY


@pytest.mark.fault(62)
@pytest.mark.parametrize("answer", [endless, endless_chunks], ids=["to the end of the connection", "in chunks"])
def test_an_endless_body_is_left_at_the_bound(host: FileHost, answer: Any) -> None:
    host.answers["/x"] = answer
    file = io.BytesIO()
    with pytest.raises(FetchFailed, match="is larger than 300000 bytes: set DYNONNX_FETCH_BYTES"):
        download(plain_request(f"{host.base}/x"), file, limits(300_000))
    assert len(file.getvalue()) <= 300_000


def test_a_length_beyond_the_bound_is_refused_before_the_body(host: FileHost) -> None:
    host.answers["/x"] = gives(b"", claimed=1_000_001)
    with pytest.raises(FetchFailed, match="is larger than 1000000 bytes"):
        get(f"{host.base}/x")


def test_a_body_that_is_cut_off_may_be_tried_again(host: FileHost) -> None:
    host.answers["/x"] = gives(BODY, claimed=len(BODY) + 1)
    with pytest.raises(TryAgain, match=f"cut off after {len(BODY)} of {len(BODY) + 1} bytes"):
        get(f"{host.base}/x")


@pytest.mark.fault(62)
def test_a_body_that_stops_coming_is_left(host: FileHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SILENT_SECONDS", 0.2)
    host.answers["/x"] = host.silent
    with pytest.raises(TryAgain, match="was silent"):
        get(f"{host.base}/x")


@pytest.mark.fault(62)
def test_what_is_not_there_in_time_is_left(host: FileHost) -> None:
    host.answers["/x"] = endless
    with pytest.raises(FetchFailed, match="was not there in time: set DYNONNX_FETCH_SECONDS"):
        get(f"{host.base}/x", most=1 << 60, seconds=0.2)
    with pytest.raises(FetchFailed, match="was not there in time"):
        get(f"{host.base}/x", seconds=0)


@pytest.mark.fault(62)
def test_redirects_are_followed_so_far(host: FileHost) -> None:
    host.answers |= {f"/{number}": says(302, location=f"/{number + 1}") for number in range(9)}
    host.answers["/5"] = gives(b"here")
    assert get(f"{host.base}/0") == b"here"
    host.answers["/5"] = says(307, location=f"{host.base}/6")
    with pytest.raises(FetchFailed, match="redirects more than 5 times"):
        get(f"{host.base}/0")


@pytest.mark.fault(62)
@pytest.mark.parametrize(
    "target", ["file:///etc/hostname", "ftp://127.0.0.1/x", "data:,x", "s3://bucket/x", "http://10.1.1.1/x", "//10.1/x"]
)
def test_no_redirect_leads_to_another_scheme_or_off_without_encryption(host: FileHost, target: str) -> None:
    host.answers["/x"] = says(302, location=f"{target}?{'s3cr3t'}")
    with pytest.raises(FetchFailed, match=r"^redirects to .*: give an https address that stays so$") as refused:
        get(f"{host.base}/x")
    assert "s3cr3t" not in str(refused.value)


@pytest.mark.fault(62)
@pytest.mark.parametrize("target", ["//[x", "https://[::1", "http://127.0.0.1:x/", f"http://10.1.1.1/{'x' * 9000}"])
def test_a_redirect_to_what_is_no_address_is_told_in_a_line(host: FileHost, target: str) -> None:
    host.answers["/x"] = says(302, location=target)
    with pytest.raises(FetchFailed, match=r"^redirects to ") as refused:
        get(f"{host.base}/x")
    assert len(str(refused.value)) < 400


@pytest.mark.fault(62)
def test_a_password_stays_with_its_host(host: FileHost) -> None:
    with file_host() as other:
        host.answers |= {"/x": says(302, location="/y"), "/y": says(302, location=f"{other.base}/z")}
        other.answers["/z"] = gives(b"here")
        assert get(host.base.replace("//", "//user:p%40ss@") + "/x") == b"here"
        basic = f"Basic {base64.b64encode(b'user:p@ss').decode()}"
        assert [headers.get("authorization") for _, headers in host.asked] == [basic, basic]
        assert [headers.get("authorization") for _, headers in other.asked] == [None]


def test_a_signed_request_follows_no_redirect(host: FileHost) -> None:
    host.answers["/b/x"] = says(301, location=f"{host.base}/y", x_amz_bucket_region="eu-west-1")
    with pytest.raises(FetchFailed, match="answered 301: set AWS_REGION to the bucket's, eu-west-1"):
        download(Request(f"{host.base}/b/x", {}, signed=True), io.BytesIO(), limits())
    assert host.paths == ["/b/x"]


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (404, FetchFailed, "answered 404: check the address"),
        (403, FetchFailed, "a presigned address may have expired"),
        (401, FetchFailed, "user and password"),
        (204, FetchFailed, "answered 204"),
        (304, FetchFailed, "answered 304"),
        (302, FetchFailed, "answered 302"),
        (503, TryAgain, "answered 503"),
        (429, TryAgain, "answered 429"),
    ],
)
def test_a_status_says_what_mends_it(host: FileHost, status: int, kind: type[FetchFailed], said: str) -> None:
    host.answers["/x"] = says(status)
    with pytest.raises(FetchFailed, match=said) as refused:
        get(f"{host.base}/x")
    assert type(refused.value) is kind


def test_a_host_that_is_not_there_and_one_that_speaks_otherwise(host: FileHost) -> None:
    def hello(handler: Any) -> None:
        handler.wfile.write(b"220 hello s3cr3t\r\n\r\n")

    host.answers["/x"] = hello
    with pytest.raises(FetchFailed, match="does not answer in HTTP") as refused:
        get(f"{host.base}/x")
    assert "s3cr3t" not in str(refused.value)
    with file_host() as gone:
        pass
    with pytest.raises(TryAgain):
        get(f"{gone.base}/x")


@pytest.mark.fault(62)
def test_https_is_verified_and_never_left(tmp_path: Path, host: FileHost, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = make_certificate(tmp_path)
    with file_host(certificate) as secure:
        secure.answers |= {"/x": gives(BODY), "/down": says(302, location=f"{host.base}/x")}
        with pytest.raises(FetchFailed, match=r"certificate that is not trusted .*SSL_CERT_FILE"):
            get(f"{secure.base}/x")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "only.pem"))
        assert get(f"{secure.base}/x") == BODY
        with pytest.raises(FetchFailed, match="which is not encrypted: give an https address"):
            get(f"{secure.base}/down")
        host.answers["/up"] = says(308, location=f"{secure.base}/x")
        assert get(f"{host.base}/up") == BODY
