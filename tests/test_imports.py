"""The arrows of the house: who may import whom, and who may print, parse arguments or read the environment."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("server", "convert", "bench")

V2_CODECS = ("codecs.datatypes", "codecs.v2_body", "codecs.v2_request", "codecs.v2_answer", "codecs.v2")

# One line is one floor, lowest first. A file imports lower floors, and on its own floor only files to its left.
FLOORS = (
    ("errors", "settings", "logs", "metrics", "statistics", "bulletin"),
    ("onnxfile", "artefact", "plan"),
    ("codecs.tensors", "codecs.rows", "codecs.answers", "codecs.simple", *V2_CODECS),
    ("codecs.csv_table", "codecs.scoring"),
    ("batch",),
    ("runtime",),
    ("batcher",),
    ("confined", "trial", "probe", "repository", "attempt", "living"),
    ("heads", "gate"),
    ("endpoints", "v2_endpoints"),
    ("limits", "exchange", "protocol"),
    ("schemas", "v2_schemas", "openapi", "routes", "v2_routes", "repository_routes"),
    ("control",),
    ("app", "worker", "arbiter", "__main__"),
)
PLACE = {name: (floor, position) for floor, names in enumerate(FLOORS) for position, name in enumerate(names)}
# What convert may take from the server; parity is measured with the runtime that will serve.
OPEN_TO_CONVERT = frozenset({"server", "server.artefact.metadata", "server.artefact.onnxfile", "server.artefact.runtime"})
NEVER_IN_SERVER = frozenset({"pickle", "joblib", "cloudpickle", "dill", "sklearn", "skl2onnx", "onnx", "pandas"})

Import = tuple[str, int]  # module, line


def files(package: str) -> list[Path]:
    """Every source file of a package."""
    return sorted((ROOT / package).rglob("*.py"))


def module_of(path: Path) -> str:
    """``server/codecs/rows.py`` is ``server.codecs.rows``; a package is its folder."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_type_checking(node: ast.AST) -> bool:
    """Whether this is ``if TYPE_CHECKING:``, whose imports never happen."""
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """Every node that can run, functions' bodies too."""
    yield node
    children = node.orelse if isinstance(node, ast.If) and is_type_checking(node) else ast.iter_child_nodes(node)
    for child in children:
        yield from walk(child)


def imports(source: str) -> list[Import]:
    """All modules that a source imports; ``from a import b`` counts as ``a`` and, where that is a file, as ``a.b``."""
    found: list[Import] = []
    for node in walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"line {node.lineno}: imports are absolute here"
            module = node.module or ""
            inner = [f"{module}.{alias.name}" for alias in node.names]
            files_of_module = [name for name in inner if is_file(name)]
            whole = len(files_of_module) < len(inner)
            found += [(name, node.lineno) for name in files_of_module] + ([(module, node.lineno)] if whole else [])
    return found


def is_file(module: str) -> bool:
    """Whether a dotted name is a source file or a package of ours."""
    path = ROOT.joinpath(*module.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def package_of(module: str) -> str:
    """``server`` of ``server.codecs.rows``."""
    return module.partition(".")[0]


ALL_FILES = [path for package in PACKAGES for path in files(package)]
IMPORTS = {module_of(path): imports(path.read_text()) for path in ALL_FILES}


def test_every_file_of_the_server_has_a_floor() -> None:
    unknown = {module.partition(".")[2] for module in IMPORTS if package_of(module) == "server"} - set(PLACE)
    assert unknown - {"", "codecs"} == set(), "give the new file a place in FLOORS and in the design"


@pytest.mark.parametrize("module", [module for module in IMPORTS if module.removeprefix("server.") in PLACE])
def test_files_import_only_lower_floors_and_files_to_their_left(module: str) -> None:
    own = PLACE[module.removeprefix("server.")]
    for imported, line in IMPORTS[module]:
        place = PLACE.get(imported.removeprefix("server.")) if package_of(imported) == "server" else None
        assert place is None or place < own, f"{module}, line {line}: {imported} stands above it"


def test_the_server_imports_neither_convert_nor_bench() -> None:
    for module, found in IMPORTS.items():
        for imported, line in found:
            if package_of(module) == "server":
                assert package_of(imported) not in ("convert", "bench", "examples", "tests"), f"{module}, line {line}"


def test_convert_imports_of_the_server_only_what_is_open_to_it() -> None:
    for module, found in IMPORTS.items():
        if package_of(module) == "convert":
            for imported, line in found:
                assert package_of(imported) not in ("bench", "examples", "tests"), f"{module}, line {line}"
                assert package_of(imported) != "server" or imported in OPEN_TO_CONVERT, (
                    f"{module}, line {line}: {imported}"
                )


def test_bench_imports_neither_server_nor_convert() -> None:
    for module, found in IMPORTS.items():
        if package_of(module) == "bench":
            for imported, line in found:
                assert package_of(imported) not in ("server", "convert", "tests"), f"{module}, line {line}: {imported}"


def test_the_server_imports_nothing_that_can_unpickle() -> None:
    for module, found in IMPORTS.items():
        for imported, line in found:
            if package_of(module) == "server":
                assert package_of(imported) not in NEVER_IN_SERVER, f"{module}, line {line}: {imported}"


def test_a_running_server_has_loaded_nothing_that_can_unpickle_estimators() -> None:
    """The same over what libraries bring in. ``pickle`` itself comes with numpy, unused."""
    code = "import server.processes.arbiter, sys; print(*{name.partition('.')[0] for name in sys.modules})"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert "onnxruntime" in loaded
    assert loaded & (NEVER_IN_SERVER - {"pickle"}) == set()


def outside_world(source: str) -> list[str]:
    """Where a source prints, parses arguments or reads the environment."""
    found = [(name, line) for name, line in imports(source) if name in ("argparse", "getopt", "click")]
    for node in walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "input"):
            found.append((ast.unparse(node), node.lineno))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in (
            "os.environ",
            "os.environb",
            "os.getenv",
            "sys.argv",
        ):
            found.append((ast.unparse(node), node.lineno))
    return [f"line {line}: {what}" for what, line in found]


# Files that nobody starts, but that belong to such a one.
PARTS_OF_ENTRY_POINTS = frozenset(
    {
        "bench.arguments",  # the command line of bench's `__main__`, from a list that it is given
        "bench.baselines.launch",  # the command line that every baseline shares
        "bench.processes",  # hands this process's environment on to the servers it starts
        "bench.footprint",  # likewise
        "convert.options",  # the command line of convert's `__main__`, from a list that it is given
    }
)


def is_entry_point(path: Path) -> bool:
    """A file that is started; a package's first file may set variables before libraries are loaded."""
    started = 'if __name__ == "__main__":' in path.read_text()
    return started or path.name == "__init__.py" or module_of(path) in PARTS_OF_ENTRY_POINTS


@pytest.mark.parametrize("path", [path for path in ALL_FILES if not is_entry_point(path)], ids=module_of)
def test_only_entry_points_touch_the_outside_world(path: Path) -> None:
    assert outside_world(path.read_text()) == []


def test_the_checks_themselves_notice() -> None:
    assert imports("import a.b, c\nfrom server import errors, __version__\n") == [
        ("a.b", 1),
        ("c", 1),
        ("server.errors", 2),
        ("server", 2),
    ]
    assert imports("if TYPE_CHECKING:\n    import server.app\nelse:\n    import x\n") == [("x", 4)]
    assert imports("def late():\n    from server.asgi.app import App\n") == [("server.asgi.app", 2)]
    assert len(outside_world("import argparse, os\nprint(1)\nos.environ['A']\nos.getenv('B')\n")) == 4
