"""Whatever refuses a model says what helps, and what any refusal advises exists: options of the command, pages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REFUSING = ("Refused", "refuse", "prepared", "Untraceable")
OF_MODELS = ("exporters", "graph", "opening", "original", "proof", "tracing")  # folders that refuse models, not files


def _texts(node: ast.AST) -> str:
    parts = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]
    return " ".join(part for part in parts if isinstance(part, str))


def refusals(folder: str = "") -> Iterator[tuple[str, list[str]]]:
    """Where a refusal stands in the code, and the texts of its reason and its advice."""
    for path in sorted((ROOT / "convert" / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in REFUSING:
                continue
            if not any(isinstance(given, ast.Starred) for given in node.args):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", [_texts(given) for given in node.args]


def test_options_that_are_advised_are_those_of_the_command() -> None:
    known = set(re.findall(r'"(--[a-z-]+)"', (ROOT / "convert" / "cli" / "options.py").read_text()))
    texts = [(place, text) for place, each in refusals() for text in each]
    named = [(place, option) for place, text in texts for option in re.findall(r"--[a-z][a-z-]+", text)]
    assert len(named) > 20
    assert not [(place, option) for place, option in named if option not in known]


def test_pages_that_are_advised_are_there() -> None:
    texts = [(place, text) for place, each in refusals() for text in each]
    named = [(place, page) for place, text in texts for page in re.findall(r"docs/[a-z-]+\.md", text)]
    assert named
    assert not [(place, page) for place, page in named if not (ROOT / page).exists()]


def test_what_refuses_a_model_advises_something() -> None:
    found = [refusal for folder in OF_MODELS for refusal in refusals(folder)]
    assert len(found) > 200
    assert not [place for place, texts in found if len(texts) < 2]
