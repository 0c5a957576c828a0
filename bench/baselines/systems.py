"""Owns the servers that are compared: the command of each, for a model. Starts none.

A new baseline is a program in ``apps.py`` and a line in ``BASELINES``.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import orjson

from bench.load.cases import Case
from bench.load.models import ModelUnderTest, files_of

OURS = "dynonnx"
NGINX = "nginx"
BASELINES: Mapping[str, str] = {"fastapi_onnx": "artefact", "fastapi_pickle": "pickle", "raw_asgi": "artefact"}
_LONGEST_CONSTANT = 3000  # nginx takes no longer word in its configuration


@dataclass(frozen=True, slots=True)
class System:
    """A server to be measured. ``{port}`` in its command and environment becomes the port that it gets.

    ``not_yet``: the status with which it answers until it has started.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    not_yet: int = 503

    def with_workers(self, count: int) -> System:
        """The same server with a number of workers, named after it."""
        name = f"{count} worker{'s' if count > 1 else ''}"
        return replace(self, name=name, environment={**self.environment, "WEB_CONCURRENCY": str(count)})


def dynonnx(models: Path, default_model: str, workers: int | None = 1) -> System:
    """The server under test; ``workers`` None leaves it its own plan, all else as it comes."""
    environment = {"PORT": "{port}", "DYNONNX_HOST": "127.0.0.1"}
    environment |= {"DYNONNX_MODELS": str(models), "DYNONNX_DEFAULT_MODEL": default_model}
    environment |= {} if workers is None else {"WEB_CONCURRENCY": str(workers)}
    return System(OURS, (sys.executable, "-m", "server"), environment)


def baseline(name: str, pickle: Path, artefact: Path) -> System:
    """One of ``BASELINES`` with the file that it serves."""
    file = str({"pickle": pickle, "artefact": artefact}[BASELINES[name]])
    program = ("-W", "ignore::UserWarning", "-m", "bench.baselines.apps", name)
    return System(name, (sys.executable, *program, file, "--port", "{port}"))


def systems_for(model: str, pickles: Path, models: Path, workers: int | None = 1) -> dict[str, System]:
    """dynonnx and the baselines, all with the same example model. Raises BenchError where a file is missing."""
    pickle, artefact = files_of(model, pickles, models)
    return {OURS: dynonnx(models, model, workers)} | {name: baseline(name, pickle, artefact) for name in BASELINES}


def repository_of(models: Sequence[ModelUnderTest], folder: Path) -> Path:
    """A repository below ``folder`` with the artefacts of these models, each as version 1."""
    repository = folder / "-".join(["repository", *(model.name for model in models)])
    for model in models:
        place = repository / model.name / "1"
        place.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(model.artefact, place / "model.onnx")
    return repository


def nginx_executable() -> str | None:
    """Where nginx is; Debian keeps it where only root looks."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def nginx(golden: Case, folder: Path) -> System | None:
    """nginx with one worker that answers all with the golden answer; None where it is not there, or that is too long.

    Its port is in its configuration alone, so a shell writes that.
    """
    answer = orjson.dumps({**golden.expected, "model_version": "1"})
    if nginx_executable() is None or len(answer) > _LONGEST_CONSTANT:
        return None
    home = folder.resolve() / "nginx"
    home.mkdir(parents=True, exist_ok=True)
    configuration = home / "nginx.conf"
    template = Path(__file__).with_name("nginx.conf").read_text("utf-8")
    configuration.write_text(template.replace("HOME", str(home)).replace("ANSWER", answer.decode()), "utf-8")
    place = 'sed "s/PORT/$0/" "$1" > "$1.$0" && exec "$2" -e stderr -c "$1.$0"'
    return System(NGINX, ("sh", "-c", place, "{port}", str(configuration), nginx_executable() or NGINX))
