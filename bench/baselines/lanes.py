"""Owns which servers are asked, each with one model and on one core. Knows nothing of load."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from bench.baselines.systems import System
from bench.load.cases import Case
from bench.load.models import Subject

DYNONNX = "dynonnx"
FASTAPI_ONNX = "fastapi_onnx"
NGINX = "nginx"
_LONGEST_CONSTANT = 3000  # nginx takes no longer word in its configuration


@dataclass(frozen=True, slots=True)
class Lane:
    """A server and the requests it gets, under the name that the table shows."""

    name: str
    system: System
    cases: Sequence[Case]


def lanes_of(subject: Subject, folder: Path) -> list[Lane]:
    """All servers with one model; nginx, which only answers, where it is installed and its answer fits.

    ``folder`` is theirs alone: what they need is written there.
    """
    lanes = [
        Lane(DYNONNX, dynonnx([subject], folder), subject.dynonnx_cases),
        Lane(FASTAPI_ONNX, _baseline(FASTAPI_ONNX, subject.artefact), subject.cases),
        Lane("fastapi_pickle", _baseline("fastapi_pickle", subject.pickle), subject.cases),
        Lane("raw_asgi", _baseline("raw_asgi", subject.artefact), subject.cases),
    ]
    golden = subject.cases[0]
    constant = orjson.dumps({**golden.expected, "model_version": "1"})
    if nginx_found() and len(constant) <= _LONGEST_CONSTANT:
        same = [Case(case.path, case.body, golden.expected) for case in subject.cases]
        lanes.append(Lane(NGINX, _nginx(constant, folder), same))
    return lanes


def dynonnx(subjects: Sequence[Subject], folder: Path) -> System:
    """The server under test with these models, the first as its default; all else as it comes."""
    repository = folder / "-".join(["repository", *(subject.name for subject in subjects)])
    for subject in subjects:
        place = repository / subject.name / "1"
        place.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(subject.artefact, place / "model.onnx")
    settings: Mapping[str, str] = {
        "PORT": "{port}",
        "WEB_CONCURRENCY": "1",
        "DYNONNX_HOST": "127.0.0.1",
        "DYNONNX_MODELS": str(repository),
        "DYNONNX_DEFAULT_MODEL": subjects[0].name,
    }
    return System(DYNONNX, (sys.executable, "-m", "server"), settings)


def nginx_found() -> str | None:
    """Where nginx is; Debian keeps it where only root looks."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def _baseline(name: str, model_file: Path) -> System:
    command = (sys.executable, "-W", "ignore::UserWarning", "-m", f"bench.baselines.{name}", str(model_file))
    return System(name, (*command, "--port", "{port}"))


def _nginx(answer: bytes, folder: Path) -> System:
    """nginx with one worker that answers every request with these bytes. Its port is in its configuration alone."""
    home = folder.resolve() / "nginx"
    home.mkdir(parents=True, exist_ok=True)
    configuration = home / "nginx.conf"
    configuration.write_text(_NGINX.replace("HOME", str(home)).replace("ANSWER", answer.decode()), "utf-8")
    place = 'sed "s/PORT/$0/" "$1" > "$1.$0" && exec "$2" -e stderr -c "$1.$0"'
    return System(NGINX, ("sh", "-c", place, "{port}", str(configuration), nginx_found() or NGINX))


_NGINX = """worker_processes 1;
daemon off;
pid "HOME/pid";
error_log stderr;
events { worker_connections 1024; }
http {
  access_log off;
  keepalive_requests 1000000000;
  client_max_body_size 0;
  client_body_temp_path "HOME/body";
  proxy_temp_path "HOME/proxy";
  fastcgi_temp_path "HOME/fastcgi";
  uwsgi_temp_path "HOME/uwsgi";
  scgi_temp_path "HOME/scgi";
  server {
    listen 127.0.0.1:PORT;
    location / {
      default_type application/json;
      return 200 'ANSWER';
    }
  }
}
"""
