"""Owns keys: whether a request brings one of the server's, and what its sender is told if not. Knows no settings.

Of a key only its SHA-256 is held, and no answer tells how near another came.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from server.errors import ServerError


def digests_of(keys: Sequence[str]) -> tuple[bytes, ...]:
    """What is held of a server's keys."""
    return tuple(hashlib.sha256(key.encode()).digest() for key in keys)


def check_key(digests: Sequence[bytes], credentials: Sequence[bytes], what: str) -> None:
    """Raises ServerError ``unauthorized`` unless there is one ``Authorization`` header and it has a key of ``digests``.

    ``credentials``: the values of all such headers; ``what``: how a key is called, "a key".
    """
    if len(credentials) == 1 and _is_one_of(digests, credentials[0]):
        return
    wanted = f"send {what} of this server as 'Authorization: Bearer KEY'"
    if len(credentials) > 1:
        raise _unauthorized(f"{wanted}, once: there are {len(credentials)} such headers")
    if credentials and _scheme(credentials[0]) != b"bearer":
        raise _unauthorized(f"{wanted}: what came does not begin with 'Bearer '")
    raise _unauthorized(f"{wanted}: the key that came is not one" if credentials else wanted)


def _is_one_of(digests: Sequence[bytes], authorization: bytes) -> bool:
    _, _, key = authorization.partition(b" ")
    digest = hashlib.sha256(key.strip()).digest()
    matches = [hmac.compare_digest(digest, known) for known in digests]  # all, so that timing reveals nothing
    return _scheme(authorization) == b"bearer" and any(matches)


def _scheme(authorization: bytes) -> bytes:
    return authorization.partition(b" ")[0].lower()


def _unauthorized(message: str) -> ServerError:
    return ServerError("unauthorized", message, {"www-authenticate": "Bearer"})
