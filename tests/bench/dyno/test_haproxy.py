"""HAProxy as the router: Heroku's headers and choice in its configuration, Heroku's codes from its log."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bench.dyno import haproxy

LOG = """[NOTICE]   (1) : New worker (2) forked
-- 200 0
sH 504 0
SH 502 0
SC 503 +10
SD 200 0
CD 200 0
CH -1 0
XX 500 0
-- 200 2
"""


def test_what_the_log_says_becomes_herokus_codes() -> None:
    assert haproxy.codes(LOG) == {"H12": 1, "H13": 1, "H21": 13, "H18": 1, "H27": 2, "router XX": 1}


@pytest.mark.skipif(haproxy.found() is None, reason="HAProxy is not installed")
def test_haproxy_itself_accepts_the_configuration(tmp_path: Path) -> None:
    program, _, _, file = haproxy.command(tmp_path, 5080, [5099, 5100])
    done = subprocess.run([program, "-c", "-f", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "server web.2 127.0.0.1:5100" in Path(file).read_text("ascii")
