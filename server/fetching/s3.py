"""Owns how an object of S3 is asked for: its https address and the signature of the request (SigV4). Pure.

Knows access keys alone: no roles, no profiles, no metadata service. Who has those makes a presigned address.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

from server.fetching.address import refusal
from server.settings import BadSetting

NO_BODY = hashlib.sha256(b"").hexdigest()
DEFAULT_REGION = "us-east-1"


class Credentials(NamedTuple):
    """What signs. ``token``: of temporary credentials, empty without."""

    key: str
    secret: str
    token: str
    region: str


def read_credentials(environment: Mapping[str, str]) -> Credentials:
    """The access key from the variables that AWS' own tools read. Raises BadSetting where it is not there."""
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    for name in names:
        if not environment.get(name):
            raise BadSetting(f"{name} is not set: set {' and '.join(names)}, or give a presigned https address")
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or DEFAULT_REGION
    key, secret = (environment[name] for name in names)
    return Credentials(key, secret, environment.get("AWS_SESSION_TOKEN", ""), region)


def object_url(url: str, environment: Mapping[str, str], region: str) -> str:
    """The https address of ``s3://bucket/key``, where AWS_ENDPOINT_URL says in another store. Raises BadSetting."""
    bucket, key = urlsplit(url).netloc, quote(unquote(urlsplit(url).path), safe="/-._~")
    name = "AWS_ENDPOINT_URL_S3" if environment.get("AWS_ENDPOINT_URL_S3") else "AWS_ENDPOINT_URL"
    if endpoint := environment.get(name, "").rstrip("/"):
        if reason := refusal(endpoint):
            raise BadSetting(f"{name} {reason}")
        return f"{endpoint}/{bucket}{key}"
    if "." in bucket:  # no certificate is for such a name
        return f"https://s3.{region}.amazonaws.com/{bucket}{key}"
    return f"https://{bucket}.s3.{region}.amazonaws.com{key}"


def signed(url: str, headers: Mapping[str, str], credentials: Credentials, now: datetime) -> dict[str, str]:
    """The headers of a GET of this address with its signature; ``now`` is in UTC."""
    parts, day, moment = urlsplit(url), now.strftime("%Y%m%d"), now.strftime("%Y%m%dT%H%M%SZ")
    token = {"x-amz-security-token": credentials.token} if credentials.token else {}
    sent = {**headers, "host": parts.netloc, "x-amz-content-sha256": NO_BODY, "x-amz-date": moment, **token}
    names = ";".join(sorted(sent))
    lines = [f"{name}:{sent[name]}\n" for name in sorted(sent)]
    request = "\n".join(("GET", parts.path, parts.query, "".join(lines), names, NO_BODY))
    scope = f"{day}/{credentials.region}/s3/aws4_request"
    text = "\n".join(("AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(request.encode()).hexdigest()))
    key = f"AWS4{credentials.secret}".encode()
    for word in scope.split("/"):
        key = hmac.digest(key, word.encode(), "sha256")
    signature = hmac.new(key, text.encode(), "sha256").hexdigest()
    proof = f"AWS4-HMAC-SHA256 Credential={credentials.key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {**sent, "authorization": proof}
