"""Owns the way of bytes from an address into a file: status, redirects, size, time. Knows no digests and no models.

Only https goes over the network. A redirect is followed by hand, as urllib's own would go to any scheme and would take
the password along to whomever it is sent to.
"""

from __future__ import annotations

import base64
import http.client
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from time import monotonic
from typing import IO, NamedTuple
from urllib.parse import quote, unquote, urljoin, urlsplit

from server import __version__
from server.fetching.address import is_loopback, refusal, shown

PIECE_BYTES = 1 << 16
MOST_REDIRECTS = 5
MOST_SHOWN = 200  # characters of where it redirects to
SILENT_SECONDS = 10.0  # without a byte
REDIRECTS = frozenset({301, 302, 303, 307, 308})
OF_OTHER_REGIONS = frozenset({301, 307, 400})  # what S3 says where the bucket lies in another
ALWAYS = {"accept-encoding": "identity", "user-agent": f"dynonnx/{__version__}"}
REMEDIES: Mapping[int, str] = {
    401: "give it the user and password, or a presigned address",
    403: "check its credentials; a presigned address may have expired",
    404: "check the address; is the file there?",
}


class FetchFailed(Exception):
    """What went wrong and what mends it; begins behind the address, which the message does not name."""


class TryAgain(FetchFailed):
    """It may go well another time."""


class Limits(NamedTuple):
    """``bytes``: of one file; ``ends``: when all must be there, by the monotonic clock."""

    bytes: int
    ends: float

    def seconds_left(self) -> float:
        """Until the end. Raises FetchFailed behind it."""
        if (left := self.ends - monotonic()) <= 0:
            raise FetchFailed("was not there in time: set DYNONNX_FETCH_SECONDS, or put it nearer")
        return left


class Request(NamedTuple):
    """What is asked. ``signed``: its headers hold for this address alone, so that no redirect is followed."""

    url: str
    headers: Mapping[str, str]
    signed: bool = False


def plain_request(url: str) -> Request:
    """A request with the user and password of the address, if it has such, where they belong."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if not at:
        return Request(url, {})
    basic = base64.b64encode(unquote(user).encode()).decode()
    return Request(parts._replace(netloc=host).geturl(), {"authorization": f"Basic {basic}"})


def download(request: Request, file: IO[bytes], limits: Limits) -> int:
    """Writes what an address answers into a file; returns its size. Raises FetchFailed, TryAgain among it, OSError."""
    try:
        with _open(request, limits) as response:
            return _copy(response, file, limits)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError, ssl.SSLError) as error:
        limits.seconds_left()
        raise _told(error) from None


def _open(request: Request, limits: Limits) -> http.client.HTTPResponse:
    """The answer with status 200, at the end of the redirects. Raises FetchFailed, URLError, HTTPException, OSError."""
    url, headers = request.url, request.headers
    for _ in range(MOST_REDIRECTS + 1):
        asked = urllib.request.Request(url, headers={**ALWAYS, **headers})  # noqa: S310 - looked at
        response = _opener(url).open(asked, timeout=min(SILENT_SECONDS, limits.seconds_left()))
        if response is None or not isinstance(response, http.client.HTTPResponse):
            raise FetchFailed("is no address that is fetched from: use https")
        if response.status == 200:
            return response
        response.close()
        location = response.headers.get("location", "")
        if request.signed or response.status not in REDIRECTS or not location:
            raise _bad_status(response, signed=request.signed)
        further = redirected(url, location)
        if _origin(url) != _origin(further):
            headers = {}
        url = further
    raise FetchFailed(f"redirects more than {MOST_REDIRECTS} times: give the address that it ends at")


def _opener(url: str) -> urllib.request.OpenerDirector:
    """urllib with what https and http need, and nothing that follows, opens files or asks other schemes."""
    opener = urllib.request.OpenerDirector()
    if not is_loopback(urlsplit(url).hostname or ""):
        opener.add_handler(urllib.request.ProxyHandler())
    if urlsplit(url).scheme == "https":
        opener.add_handler(urllib.request.HTTPSHandler(context=ssl.create_default_context()))
    else:
        opener.add_handler(urllib.request.HTTPHandler())
    return opener


def redirected(url: str, location: str) -> str:
    """The address that a redirect leads to. Raises FetchFailed where it is not followed there."""
    try:
        further = urljoin(url, quote(location, safe="%/:=&?~#+!$,;'@()*[]")).partition("#")[0]
    except ValueError:
        raise FetchFailed("redirects to what is no address: give an https address that stays so") from None
    _check_redirect(url, further)
    return further


def _check_redirect(before: str, after: str) -> None:
    reason = refusal(after) or ("is no address that is fetched from" if urlsplit(after).scheme == "s3" else None)
    if reason is None and urlsplit(before).scheme == "https" != urlsplit(after).scheme:
        reason = "is not encrypted"
    if reason:
        raise FetchFailed(
            f"redirects to {shown(after)[:MOST_SHOWN]}, which {reason}: give an https address that stays so"
        )


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _bad_status(response: http.client.HTTPResponse, *, signed: bool) -> FetchFailed:
    status = response.status
    if status >= 500 or status in (408, 429):
        return TryAgain(f"answered {status}: try again later")
    if signed and status in OF_OTHER_REGIONS:
        region = re.sub(r"[^a-z0-9-]", "", response.headers.get("x-amz-bucket-region", ""))[:32]
        return FetchFailed(f"answered {status}: set AWS_REGION to the bucket's{region and f', {region}'}")
    return FetchFailed(f"answered {status}: {REMEDIES.get(status, 'check the address')}")


def _copy(response: http.client.HTTPResponse, file: IO[bytes], limits: Limits) -> int:
    """Copies the body in pieces; neither a length that it claims nor its end is believed."""
    claimed, size = response.length, 0
    too_large = f"is larger than {limits.bytes} bytes: set DYNONNX_FETCH_BYTES if that is right"
    if claimed is not None and claimed > limits.bytes:
        raise FetchFailed(too_large)
    while size != claimed and (piece := response.read1(PIECE_BYTES)):  # a server may leave the connection open
        size += len(piece)
        if size > limits.bytes:
            raise FetchFailed(too_large)
        file.write(piece)
        limits.seconds_left()
    if claimed is not None and size < claimed:
        raise TryAgain(f"was cut off after {size} of {claimed} bytes: try again")
    return size


def _told(error: Exception) -> FetchFailed:
    """An error of the network in words; the library's own text may hold the address, so it is not taken whole."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return FetchFailed(
            f"has a certificate that is not trusted here ({cause.verify_message}): SSL_CERT_FILE adds its CA"
        )
    if isinstance(cause, TimeoutError):
        return TryAgain(f"was silent for {SILENT_SECONDS:.0f} s: try again, or put it nearer")
    if isinstance(cause, http.client.IncompleteRead | http.client.RemoteDisconnected | ConnectionError):
        return TryAgain(f"was cut off ({type(cause).__name__}): try again")
    if isinstance(cause, OSError) and cause.strerror:
        return TryAgain(f"cannot be reached ({cause.strerror}): check host and network")
    return FetchFailed(f"does not answer in HTTP ({type(cause).__name__}): check the address")
