"""Owns how each peer is started with a model, and what it is asked. Knows nothing of measuring.

A peer has a program in its own file here, in ``pins`` the list of what that needs, and an environment of its own in
``build/peers/NAME``, which `make bench-peers` makes where it installs.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from bench.baselines.systems import System
from bench.load.cases import Case
from bench.load.models import ModelUnderTest
from bench.machine.processes import free_port

ENVIRONMENTS = Path("build/peers")
_HERE = Path(__file__).parent
_V2_PATH = "/v2/models/model/infer"
_TRITON_BATCH = 64
_MLSERVER: Mapping[str, Any] = {"parallel_workers": 0, "debug": False, "host": "127.0.0.1", "metrics_endpoint": None}
_MLSERVER_MODEL: Mapping[str, Any] = {
    "name": "model",
    "implementation": "bench.peers.mlserver.Model",
    "max_batch_size": 32,
    "max_batch_time": 0.001,
}
_RAY_PLACE = f"{tempfile.gettempdir()}/haproxy-{{port}}"  # a socket's path must be short
_RAY: Mapping[str, str] = {
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_SERVE_HAPROXY_NBTHREAD": "1",
    "RAY_SERVE_HAPROXY_SOCKET_PATH": f"{_RAY_PLACE}/admin.sock",
    "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": f"{_RAY_PLACE}/haproxy.cfg",
    "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": _RAY_PLACE,
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",  # Ray has a core to start on
    "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "60",
    "RAY_SERVE_HAPROXY_STARTUP_TIMEOUT_S": "60",
    "RAY_USAGE_STATS_ENABLED": "0",
}
Cases = Callable[[ModelUnderTest], list[Case]]


class ListedCase(Case):
    """A request of one row, whose answer is a list of one."""

    __slots__ = ()

    def fault(self, status: int, body: bytes) -> str | None:
        """As of the only answer in the list."""
        is_list = status == 200 and body[:1] == b"[" and body[-1:] == b"]"
        return super().fault(status, body[1:-1] if is_list else body)


@dataclass(frozen=True, slots=True)
class Peer:
    """A name, how it is started (model, folder of its own, environment), and a model's requests as it takes them.

    ``title``: what people call it, with the version of ``package`` in it.
    """

    name: str
    package: str
    title: str
    start: Callable[[ModelUnderTest, Path, Path], System]
    cases: Cases

    @property
    def said(self) -> str:
        """Its title with the version that is pinned."""
        pins = dict(line.split("==") for line in _pins(self.name) if "==" in line)
        return self.title.format(version=pins[self.package])

    def missing(self, environments: Path = ENVIRONMENTS) -> str | None:
        """Why it is left out; None where it is installed."""
        home = environments / self.name
        if (home / ".installed").exists():
            return None
        log = environments / f"{self.name}.log"
        lines = log.read_text("utf-8").splitlines() if log.exists() else []
        said = [line for line in lines if "ERROR" in line or "not found" in line]
        return f"{self.name} is left out: {said[0] if said else 'not installed (`make bench-peers` installs it)'}"


def _mosec(model: ModelUnderTest, folder: Path, home: Path) -> System:
    command = (*_program(home, "mosec"), "--port", "{port}", "--address", "127.0.0.1", "--log-level", "warning")
    return System("mosec", command, _told(model))


def _litserve(model: ModelUnderTest, folder: Path, home: Path) -> System:
    return System("litserve", (*_program(home, "litserve"), "{port}"), _told(model))


def _bentoml(model: ModelUnderTest, folder: Path, home: Path) -> System:
    command = (str(home.absolute() / "bin" / "bentoml"), "serve", "bench.peers.bentoml:Model")
    told = {"BENTOML_HOME": str(folder.resolve() / "bentoml"), "BENTOML_DO_NOT_TRACK": "true"}
    told["OTEL_SDK_DISABLED"] = "true"  # spans that nobody collects: a quarter of its processor time
    return System("bentoml", (*command, "--host", "127.0.0.1", "--port", "{port}"), {**_told(model), **told})


def _rayserve(model: ModelUnderTest, folder: Path, home: Path) -> System:
    ports = {f"RAY_SERVE_HAPROXY_{what}_PORT": str(free_port()) for what in ("METRICS", "STATS")}
    command = (*_program(home, "rayserve"), "{port}")  # its ingress knows no route until the replica is there
    return System("rayserve", command, {**_told(model), **_RAY, **ports}, not_yet=404)


def _mlserver(model: ModelUnderTest, folder: Path, home: Path) -> System:
    place = folder.resolve() / "mlserver"
    place.mkdir(parents=True, exist_ok=True)
    of_model = {**_MLSERVER_MODEL, "parameters": {"uri": str(model.artefact.resolve())}}
    for name, settings in (("settings.json", _MLSERVER), ("model-settings.json", of_model)):
        (place / name).write_text(json.dumps(settings), "utf-8")
    ports = {"MLSERVER_HTTP_PORT": "{port}", "MLSERVER_GRPC_PORT": "0"}
    return System("mlserver", (str(home.absolute() / "bin" / "mlserver"), "start", str(place)), ports)


def _triton(model: ModelUnderTest, folder: Path, home: Path) -> System:
    """The server of PyTriton's wheel without PyTriton, which would put a further process between the two."""
    (packages,) = home.absolute().glob("lib/python3.*/site-packages")
    server, version = packages / "pytriton" / "tritonserver", packages.parent.name.removeprefix("python")
    place = _unspaced(folder.resolve() / "triton")
    backend, repository = place / "backends" / "python", place / "repository" / "model"
    parts = [
        server / "backends" / "python" / name for name in ("libtriton_python.so", "triton_python_backend_utils.py")
    ]
    _link([*parts, server / "python_backend_stubs" / version / "triton_python_backend_stub"], backend)
    (repository / "1").mkdir(parents=True, exist_ok=True)
    (repository / "1" / "model.py").write_text((_HERE / "triton.py").read_text("utf-8"), "utf-8")
    (repository / "config.pbtxt").write_text(_triton_configuration(model), "utf-8")
    environment = {"LD_LIBRARY_PATH": str(packages / "nvidia_pytriton.libs")}
    environment["PATH"] = f"{home.absolute() / 'bin'}:/usr/bin:/bin"  # by it the backend finds its Python
    options = {"model-repository": repository.parent, "backend-directory": backend.parent, "http-port": "{port}"}
    options |= {"http-address": "127.0.0.1", "allow-grpc": "false", "allow-metrics": "false", "log-info": "false"}
    command = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return System("triton", (str(server / "bin" / "tritonserver"), *command), environment)


def _unspaced(folder: Path) -> Path:
    """The folder, made; where its path has a space a link to it: Triton starts a backend by a shell, unquoted."""
    folder.mkdir(parents=True, exist_ok=True)
    if " " not in str(folder):
        return folder
    link = Path(tempfile.mkdtemp(prefix="dynonnx-")) / folder.name
    link.symlink_to(folder)
    return link


def _triton_configuration(model: ModelUnderTest) -> str:
    outputs = [("prediction", "TYPE_STRING"), ("probability", "TYPE_FP64")]
    if "probability" not in model.cases[0].expected:
        outputs = [("prediction", "TYPE_FP64")]
    told = ", ".join(f'{{ name: "{name}" data_type: {dtype} dims: [ 1 ] }}' for name, dtype in outputs)
    return (
        f'backend: "python"\nmax_batch_size: {_TRITON_BATCH}\n'
        f'input [ {{ name: "X" data_type: TYPE_FP64 dims: [ -1 ] }} ]\noutput [ {told} ]\n'
        f'parameters {{ key: "file" value: {{ string_value: "{model.artefact.resolve()}" }} }}\n'
        "dynamic_batching { }\ninstance_group [ { kind: KIND_CPU count: 1 } ]\n"
    )


def triton_cases(model: ModelUnderTest) -> list[Case]:
    """The requests in the Open Inference Protocol, and answers as Triton gives them."""
    return [_v2_case(case, typed=False) for case in model.cases]


def mlserver_cases(model: ModelUnderTest) -> list[Case]:
    """The same of MLServer, which adds the type of each output's content."""
    return [_v2_case(case, typed=True) for case in model.cases]


def bentoml_cases(model: ModelUnderTest) -> list[Case]:
    """The same row in a list, as an endpoint that batches takes it."""
    rows = [orjson.loads(case.body)["features"] for case in model.cases]
    bodies = [orjson.dumps({"features": [row]}) for row in rows]
    return [ListedCase(case.path, body, case.expected) for case, body in zip(model.cases, bodies, strict=True)]


def _v2_case(case: Case, *, typed: bool) -> Case:
    row = orjson.loads(case.body)["features"]
    asked = {"inputs": [{"name": "X", "shape": [1, len(row)], "datatype": "FP64", "data": row}]}
    outputs: list[dict[str, Any]] = []
    for name, value in case.expected.items():
        is_text = isinstance(value, str)
        content = {"parameters": {"content_type": "str" if is_text else "np"}} if typed else {}
        datatype = "BYTES" if is_text else "FP64"
        outputs.append({"name": name, "datatype": datatype, "shape": [1, 1], "data": [value], **content})
    return replace(case, path=_V2_PATH, body=orjson.dumps(asked), expected={"outputs": outputs})


def _program(home: Path, name: str) -> tuple[str, ...]:
    return (str(home.absolute() / "bin" / "python"), "-W", "ignore", "-m", f"bench.peers.{name}")


def _told(model: ModelUnderTest) -> dict[str, str]:
    return {"PEER_MODEL": str(model.artefact.resolve())}


def _link(files: Sequence[Path], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        (folder / file.name).unlink(missing_ok=True)
        (folder / file.name).symlink_to(file)


def _plain(model: ModelUnderTest) -> list[Case]:
    return model.cases


def _pins(name: str) -> list[str]:
    return (_HERE / "pins" / f"{name}.txt").read_text("utf-8").splitlines()


_TRITON_TITLE = "Triton, Python backend (of PyTriton {version})"
PEERS: Sequence[Peer] = (
    Peer("mosec", "mosec", "mosec {version}", _mosec, _plain),
    Peer("triton", "nvidia-pytriton", _TRITON_TITLE, _triton, triton_cases),
    Peer("litserve", "litserve", "LitServe {version}", _litserve, _plain),
    Peer("mlserver", "mlserver", "MLServer {version}", _mlserver, mlserver_cases),
    Peer("bentoml", "bentoml", "BentoML {version}", _bentoml, bentoml_cases),
    Peer("rayserve", "ray", "Ray Serve {version}", _rayserve, _plain),
)
