"""Owns HAProxy as the stand-in router: its configuration, and Heroku's codes from its log. Knows nothing of processes.

HAProxy does what Heroku's router does to a request: random choice, pooled connections, headers, time limits. What it
cannot do stands in ``NOT_SIMULATED``; holding requests for a dyno that starts is ``bench.dyno.router``'s part.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

NOT_SIMULATED = (
    "55 s between bytes after the first (30 s here), quarantine by router node, TLS, HTTP/2, several router nodes"
)

_UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\nrouter\n"
_CONFIGURATION = """global
    nbthread 1
    hard-stop-after 2s
    log stdout format raw local0
defaults
    mode http
    log global
    option dontlog-normal
    option dontlognull
    log-format "%ts %ST %rc"
    timeout client 55s
    timeout connect 5s
    timeout server 30s
    timeout queue 75s
    timeout http-keep-alive 90s
    errorfile 502 {unavailable}
    errorfile 503 {unavailable}
    errorfile 504 {unavailable}
    option redispatch 1
    retries 10
    http-reuse always
    unique-id-format %[uuid()]
    unique-id-header X-Request-Id
frontend router
    bind 127.0.0.1:{port}
    option forwardfor
    http-request del-header X-Request-Id
    http-request set-header X-Forwarded-Proto https
    http-request set-header X-Forwarded-Port 443
    http-request set-header X-Request-Start %[date(0,ms)]
    http-request set-header Via "1.1 heroku-router"
    default_backend dynos
backend dynos
    balance random(1)
"""

# Who ended the session and in which state, as HAProxy's documentation of its log names them.
_CODES = {
    "sC": "H19",
    "SC": "H21",
    "sH": "H12",
    "SH": "H13",
    "PH": "H17",
    "SD": "H18",
    "sD": "H15",
    "cD": "H28",
    "cH": "H28",
    "PR": "H26",
}


def found() -> str | None:
    """Placement HAProxy is, None where it is not installed."""
    return shutil.which("haproxy", path=_PATH)


def command(folder: Path, port: int, dynos: Sequence[int]) -> list[str]:
    """The command that passes requests on ``port`` to the ports ``dynos``; writes its configuration into ``folder``."""
    unavailable, file = folder / f"router-{port}.http", folder / f"router-{port}.cfg"
    unavailable.write_bytes(_UNAVAILABLE)
    file.write_text(configuration(port, dynos, unavailable), "ascii")
    return [found() or "haproxy", "-db", "-f", str(file)]


def configuration(port: int, dynos: Sequence[int], unavailable: Path) -> str:
    """As text. ``unavailable`` is the file with the answer that a caller gets when no dyno gave one."""
    servers = "".join(
        f"    server web.{number} 127.0.0.1:{dyno} pool-max-conn 100 pool-purge-delay 90s\n"
        for number, dyno in enumerate(dynos, 1)
    )
    return _CONFIGURATION.format(port=port, unavailable=unavailable) + servers


def codes(log: str) -> Counter[str]:
    """What went wrong, by Heroku's codes; what Heroku has no code for keeps HAProxy's letters."""
    counts: Counter[str] = Counter()
    for words in (line.split() for line in log.splitlines()):
        if len(words) != 3 or len(words[0]) != 2 or not words[1].lstrip("-").isdigit():
            continue
        ended, _, retries = words
        if retries.lstrip("+") != "0":
            counts["H21"] += int(retries.lstrip("+"))  # a dyno that did not connect, and another was tried
        if ended != "--":
            counts[_code(ended)] += 1
    return counts


def _code(ended: str) -> str:
    if ended.startswith("C"):
        return "H27"
    return _CODES.get(ended, f"router {ended}")


_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin"  # sbin is often on no user's
