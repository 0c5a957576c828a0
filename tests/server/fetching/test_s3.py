"""S3: the signature of Amazon's own example, where objects lie, and what is said without an access key."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from server.fetching.s3 import Credentials, object_url, read_credentials, signed
from server.settings import BadSetting

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
NOW = datetime(2013, 5, 24, tzinfo=UTC)


def test_the_signature_is_that_of_the_documentation() -> None:
    url = "https://examplebucket.s3.amazonaws.com/test.txt"
    headers = signed(url, {"range": "bytes=0-9"}, Credentials(KEY, SECRET, "", "us-east-1"), NOW)
    assert headers["authorization"] == (
        f"AWS4-HMAC-SHA256 Credential={KEY}/20130524/us-east-1/s3/aws4_request, "
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )


def test_a_token_is_signed_too() -> None:
    headers = signed("https://b.s3.eu.amazonaws.com/k", {}, Credentials(KEY, SECRET, "token", "eu"), NOW)
    assert headers["x-amz-security-token"] == "token"
    assert "x-amz-security-token" in headers["authorization"]


@pytest.mark.parametrize(
    ("url", "endpoint", "where"),
    [
        ("s3://models/a b/iris.onnx", "", "https://models.s3.eu-west-1.amazonaws.com/a%20b/iris.onnx"),
        ("s3://models/a%20b/iris.onnx", "", "https://models.s3.eu-west-1.amazonaws.com/a%20b/iris.onnx"),
        ("s3://my.models/iris.onnx", "", "https://s3.eu-west-1.amazonaws.com/my.models/iris.onnx"),
        ("s3://models/iris.onnx", "https://store.example/", "https://store.example/models/iris.onnx"),
    ],
)
def test_where_an_object_lies(url: str, endpoint: str, where: str) -> None:
    assert object_url(url, {"AWS_ENDPOINT_URL": endpoint}, "eu-west-1") == where


def test_another_store_is_asked_over_https_alone() -> None:
    with pytest.raises(BadSetting, match="AWS_ENDPOINT_URL_S3 is not encrypted"):
        object_url("s3://b/k", {"AWS_ENDPOINT_URL_S3": "http://store.example"}, "eu")


def test_credentials_come_from_the_variables_of_amazons_tools() -> None:
    keys = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
    assert read_credentials(keys) == Credentials(KEY, SECRET, "", "us-east-1")
    more = {"AWS_SESSION_TOKEN": "t", "AWS_DEFAULT_REGION": "eu-west-1"}
    assert read_credentials({**keys, **more}) == Credentials(KEY, SECRET, "t", "eu-west-1")
    for missing in keys:
        with pytest.raises(BadSetting, match=f"^{missing} is not set: .*presigned") as refused:
            read_credentials({**keys, missing: ""})
        assert SECRET not in str(refused.value)
