"""What a dyno runs that others wrote: by hash, of no version with a known hole, and nothing that can unpickle."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.campaigns.supply.lock import normalised, read_pins, release
from tests.test_imports import files, walk

ROOT = Path(__file__).parent.parent
LOCK = read_pins(ROOT / "requirements.txt")
LIST = read_pins(ROOT / "requirements.in")
SIGNING = read_pins(ROOT / "requirements-signing.txt")
DEVELOPING = read_pins(ROOT / "requirements-convert.txt") | read_pins(ROOT / "requirements-dev.txt")
OPTIONAL = read_pins(ROOT / "requirements-boosters.txt")

NEVER_IN_A_DYNO = frozenset(
    {
        "joblib",
        "scikit-learn",
        "skl2onnx",
        "onnx",
        "torch",
        "dill",
        "cloudpickle",
        "skops",
        "pandas",
        "python-multipart",
    }
)

# The first version without the hole, who tells of it, and what it was. A scan that cannot reach its data says that all
# is well; this table cannot.
FLOORS = [
    ("h11", "0.16.0", "CVE-2025-43859", "chunks with bad ends let a second request through"),
    ("httptools", "0.6.2", "CVE-2024-27982", "a space before Content-Length hides a body"),
    ("gunicorn", "23.0.0", "CVE-2024-1135, CVE-2024-6827", "Transfer-Encoding is not checked: smuggling"),
    ("uvicorn", "0.11.7", "CVE-2020-7694, CVE-2020-7695", "a target forges lines of the log and headers"),
    ("starlette", "1.0.1", "CVE-2026-48710", "a Host header changes the path that a check sees"),
    ("starlette", "0.49.1", "CVE-2025-62727", "ranges of a file take quadratic time"),
    ("fastapi", "0.109.1", "CVE-2024-24762", "a media type takes endless time to match"),
    ("pydantic", "2.4.0", "CVE-2024-3772", "an address takes endless time to match"),
    ("orjson", "3.9.15", "CVE-2024-27454", "deep JSON ends the process when it is read"),
    ("orjson", "3.11.6", "CVE-2025-67221", "deep JSON ends the process when it is written"),
    ("idna", "3.7", "CVE-2024-3651", "a name takes quadratic time"),
    ("protobuf", "6.31.1", "CVE-2025-4565", "nested groups end the process"),
    ("protobuf", "6.33.5", "CVE-2026-0994", "nested Any messages end the process"),
    ("pynacl", "1.6.2", "CVE-2025-69277", "libsodium takes points outside the main group for keys"),
    ("onnx", "1.21.0", "CVE-2026-27489, CVE-2026-34445", "data in other files: a link is followed, attributes are set"),
    ("joblib", "1.2.0", "CVE-2022-21797", "a number of jobs is evaluated as code"),
    ("scikit-learn", "1.5.0", "CVE-2024-5206", "a vectorizer keeps words that it should have dropped"),
    ("jinja2", "3.1.6", "CVE-2025-27516", "a template leaves its sandbox"),
    ("skops", "0.13.0", "CVE-2025-54886", "a card falls back on joblib"),
]


def test_the_lock_has_the_versions_of_the_list_and_no_others() -> None:
    for locked, listed in ((LOCK, LIST), (SIGNING, read_pins(ROOT / "requirements-signing.in"))):
        versions = {name: pin.version for name, pin in locked.items()}
        assert versions == {name: pin.version for name, pin in listed.items()}, "run `make lock`"


@pytest.mark.parametrize("name", [*LOCK, *SIGNING])
def test_every_package_of_a_dyno_is_pinned_by_hash(name: str) -> None:
    assert (LOCK | SIGNING)[name].hashes


def test_no_requirement_names_a_place() -> None:
    for file in ROOT.glob("requirements*"):
        assert "://" not in file.read_text("utf-8"), file.name


@pytest.mark.parametrize(("name", "floor", "advisory", "hole"), FLOORS)
def test_no_version_with_a_known_hole(name: str, floor: str, advisory: str, hole: str) -> None:
    pins = [pins[name] for pins in (LOCK, SIGNING, DEVELOPING, OPTIONAL) if name in pins]
    assert pins, f"{name} is no longer used: take it out of the table"
    for pin in pins:
        assert release(pin.version) >= release(floor), f"{name} {pin.version}: {advisory}, {hole}"


def test_nothing_that_unpickles_is_in_a_dyno() -> None:
    assert {normalised(name) for name in NEVER_IN_A_DYNO} & {*LOCK, *SIGNING} == set()


def code_from_data(source: str) -> list[str]:
    """Where a source turns data into code or commands: by name of the call, or by an argument that allows it."""
    found = []
    for node in walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            allowing = [f"{word.arg}={ast.unparse(word.value)}" for word in node.keywords]
            if called in CALLS or {"shell=True", "allow_pickle=True"} & set(allowing):
                found.append(f"line {node.lineno}: {called}({', '.join(allowing)})")
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            found += [f"line {node.lineno}: {name}" for name in names if name.partition(".")[0] in MODULES]
    return found


CALLS = frozenset(
    {"eval", "exec", "compile", "__import__", "importlib.import_module", "yaml.load", "os.system", "os.popen"}
)
MODULES = frozenset({"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "code", "runpy", "yaml"})


@pytest.mark.parametrize("path", files("server"), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_server_makes_no_code_of_data(path: Path) -> None:
    assert code_from_data(path.read_text("utf-8")) == []


def test_the_check_itself_notices() -> None:
    for source in (
        "eval(x)",
        "import marshal",
        "from shelve import open",
        "subprocess.run(a, shell=True)",
        "yaml.load(x)",
    ):
        assert len(code_from_data(source)) == 1, source
    assert code_from_data("re.compile(a)\nnumpy.load(a, allow_pickle=False)\nmodel.eval()") == []
