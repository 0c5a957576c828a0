"""Every way to send a row: dynonnx answers each case of it as the case expects."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from bench.baselines.serving import ask, serving
from bench.load import models
from bench.load.client import Address
from bench.turns import paths

ROOT = Path(__file__).resolve().parents[3]


def test_every_way_is_answered_rightly(tmp_path: Path) -> None:
    made = {name: models.example(name, ROOT / "build", ROOT / "examples/models") for name in ("iris", "churn")}
    few = {name: replace(model, cases=model.cases[:3]) for name, model in made.items()}
    every = paths.pairings(few, "churn", tmp_path)
    assert len(every) == 9
    with ExitStack() as stack:
        running = {
            pairing.system.name: stack.enter_context(serving(pairing.system, pairing.cases[0], tmp_path, frozenset()))
            for pairing in {pairing.system.name: pairing for pairing in reversed(every)}.values()
        }
        for pairing in every:
            address = Address.parse(running[pairing.system.name].url)
            assert [ask(address, case)[2] for case in pairing.cases] == [None] * 3, pairing.name
