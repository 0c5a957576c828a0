"""Peers: each is asked by its own protocol and held to the pickle's answer; what is not installed says why."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest

from bench.load.cases import Case
from bench.load.models import ModelUnderTest
from bench.peers import systems
from bench.peers.answering import as_answers
from bench.peers.systems import PEERS, bentoml_cases, mlserver_cases, triton_cases

PROGRAMS = Path(systems.__file__).parent
CLASSIFIER = Case("/predict", b'{"features":[1.5,2.0]}', {"prediction": "setosa", "probability": 0.9})
REGRESSOR = Case("/predict", b'{"features":[1.5,2.0]}', {"prediction": 3.5})


def model(case: Case, folder: Path) -> ModelUnderTest:
    return ModelUnderTest("iris", "iris", folder / "iris.pkl", folder / "iris.onnx", [case])


def environment(peer: str, folder: Path) -> Path:
    """What an installation leaves of what the systems look for."""
    home = folder / peer
    (home / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    (home / ".installed").touch()
    return home


def test_a_v2_request_asks_for_the_same_row(tmp_path: Path) -> None:
    (case,) = triton_cases(model(CLASSIFIER, tmp_path))
    assert orjson.loads(case.body) == {
        "inputs": [{"name": "X", "shape": [1, 2], "datatype": "FP64", "data": [1.5, 2.0]}]
    }


@pytest.mark.parametrize("asked", [triton_cases, mlserver_cases], ids=["triton", "mlserver"])
def test_a_v2_answer_is_held_to_label_and_probability(asked: systems.Cases, tmp_path: Path) -> None:
    (case,) = asked(model(CLASSIFIER, tmp_path))
    right = orjson.dumps({"id": "1", **case.expected})
    assert case.fault(200, right) is None
    assert case.fault(200, right.replace(b"0.9", b"0.91")) == "wrong answer: outputs"
    assert case.fault(200, right.replace(b"setosa", b"virginica")) == "wrong answer: outputs"


def test_an_answer_in_a_list_of_one_is_held_to_label_and_probability(tmp_path: Path) -> None:
    (case,) = bentoml_cases(model(CLASSIFIER, tmp_path))
    assert orjson.loads(case.body) == {"features": [[1.5, 2.0]]}
    right = b'[{"prediction":"setosa","probability":0.9}]'
    assert case.fault(200, right) is None
    assert case.fault(200, right.replace(b"0.9", b"0.91")) == "wrong answer: probability"
    assert case.fault(200, b"[]") == "wrong answer: not JSON"
    assert case.fault(200, b"[%b,%b]" % (right[1:-1], right[1:-1])) == "wrong answer: not JSON"
    assert case.fault(503, b'{"error":"overloaded"}') == "http 503"


def test_a_regressor_has_one_output(tmp_path: Path) -> None:
    (case,) = triton_cases(model(REGRESSOR, tmp_path))
    assert case.expected["outputs"] == [{"name": "prediction", "datatype": "FP64", "shape": [1, 1], "data": [3.5]}]
    assert as_answers([3.5], None) == [{"prediction": 3.5}]
    assert as_answers(["setosa"], [0.9]) == [dict(CLASSIFIER.expected)]


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_a_peer_is_started_from_its_own_environment_with_the_artefact(peer: systems.Peer, tmp_path: Path) -> None:
    system = peer.start(model(REGRESSOR, tmp_path), tmp_path / "run", environment(peer.name, tmp_path))
    assert system.name == peer.name
    assert system.command[0].startswith(str(tmp_path / peer.name))
    files = [file for pattern in ("*.json", "*.pbtxt") for file in (tmp_path / "run").rglob(pattern)]
    told = [*system.environment.values(), *(file.read_text("utf-8") for file in files)]
    assert any(str(tmp_path / "iris.onnx") in text for text in told)
    assert any("{port}" in word for word in (*system.command, *system.environment.values()))


def test_triton_is_told_of_one_output_or_two(tmp_path: Path) -> None:
    (triton,) = (peer for peer in PEERS if peer.name == "triton")
    home = environment("triton", tmp_path)
    for case, outputs in ((REGRESSOR, 1), (CLASSIFIER, 2)):
        triton.start(model(case, tmp_path), tmp_path / str(outputs), home)
        (told,) = (tmp_path / str(outputs)).glob("triton/repository/model/config.pbtxt")
        assert told.read_text().count("dims: [ 1 ]") == outputs


def test_triton_meets_no_space_in_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It starts its backend by a shell, unquoted."""
    (tmp_path / "made").mkdir()
    monkeypatch.setattr(systems, "tempfile", SimpleNamespace(mkdtemp=lambda prefix: str(tmp_path / "made")))
    (triton,) = (peer for peer in PEERS if peer.name == "triton")
    system = triton.start(model(REGRESSOR, tmp_path), tmp_path / "a run", environment("triton", tmp_path))
    assert not any(" " in word for word in system.command)
    assert (tmp_path / "made" / "triton" / "repository" / "model" / "config.pbtxt").exists()


def test_what_is_not_installed_says_why(tmp_path: Path) -> None:
    peer = PEERS[0]
    assert "make bench-peers" in (peer.missing(tmp_path) or "")
    (tmp_path / f"{peer.name}.log").write_text("WARNING: slow\nERROR: No matching distribution found\nmake: ***\n")
    assert peer.missing(tmp_path) == f"{peer.name} is left out: ERROR: No matching distribution found"
    (tmp_path / f"{peer.name}.log").write_text("/bin/sh: 1: python3.11: not found\nmake: *** [x] Error 127\n")
    assert peer.missing(tmp_path) == f"{peer.name} is left out: /bin/sh: 1: python3.11: not found"
    environment(peer.name, tmp_path)
    assert peer.missing(tmp_path) is None


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_a_peer_has_a_program_and_pins_all_it_needs(peer: systems.Peer) -> None:
    assert (PROGRAMS / f"{peer.name}.py").exists()
    lines = (PROGRAMS / "pins" / f"{peer.name}.txt").read_text("utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert pins
    assert all(line.count("==") == 1 and "://" not in line for line in pins)
    (version,) = (pin.partition("==")[2] for pin in pins if pin.startswith(f"{peer.package}=="))
    assert version in peer.said
