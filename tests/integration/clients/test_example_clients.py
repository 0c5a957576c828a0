"""The example clients as people copy them, each against the running server: what they print is right."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pandas
import pytest

from tests.support.integration.originals import Original
from tests.support.integration.running import ROOT, Running

CLIENTS = Path("examples/clients")
# What they ask.
ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]
REFUSED = """refused: feature 'sepal width (cm)': expected a number, got "wide\""""


@pytest.fixture(scope="module")
def told(originals: dict[str, Original]) -> list[str]:
    """What scikit-learn answers to the two rows, as the clients print it."""
    iris = originals["iris"]
    table = pandas.DataFrame(ROWS, columns=iris.table.columns)
    probabilities = iris.estimator.predict_proba(table).max(axis=1)
    labels = iris.estimator.predict(table)
    return [f"{label} {probability:.4f}" for label, probability in zip(labels, probabilities, strict=True)]


def output(*command: str) -> str:
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_requests(served: Running, told: list[str]) -> None:
    client = str(CLIENTS / "requests_client.py")
    lines = output(sys.executable, client, "--url", f"http://127.0.0.1:{served.port}").splitlines()
    assert lines == [*told, REFUSED]


def test_httpx(served: Running) -> None:
    client = str(CLIENTS / "httpx_client.py")
    given = ("--url", f"http://127.0.0.1:{served.port}", "--requests", "20")
    assert output(sys.executable, client, *given) == "virginica 20\n"


def test_javascript(served: Running, told: list[str]) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node")
    lines = output(node, str(CLIENTS / "fetch.mjs"), f"http://127.0.0.1:{served.port}", "iris").splitlines()
    assert lines == [*told, REFUSED]


def test_a_shell(served: Running) -> None:
    one, two, refused = output("sh", str(CLIENTS / "curl.sh"), f"http://127.0.0.1:{served.port}").splitlines()
    assert one.startswith('{"prediction":"setosa","probability":0.98470')
    assert two.startswith('{"prediction":["setosa","virginica"]')
    assert '"invalid_input"' in refused
    assert "features[1]" in refused
