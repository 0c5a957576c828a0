"""The arrows of the house: who may import whom, and who may print, parse arguments or read the environment."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("dynonnx", "server", "convert", "bench", "score")

# One folder of the server is one floor, lowest first; what stands beside them is the ground, which all may use. A file
# imports its own floor and those below it.
FLOORS = (
    "confinement",
    "artefact",
    "metrics",
    "batching",
    "caching",
    "codecs",
    "models",
    "fetching",
    "endpoints",
    "http",
    "asgi",
    "processes",
    "doctor",
)
GROUND = frozenset({"errors", "settings", "logs"})
MOST_FILES = 14  # side by side in one folder
# One file a family of estimators: the list is long because scikit-learn's is.
LONG_FOLDERS = frozenset({"convert/exporters", "tests/convert/exporters"})
# What convert may take from the server: parity is measured with the runtime that will serve, walls are the same.
OPEN_TO_CONVERT = ("server.artefact", "server.confinement")
NEVER_IN_SERVER = frozenset(
    {"pickle", "joblib", "cloudpickle", "dill", "skops", "torch", "sklearn", "skl2onnx", "onnx", "pandas"}
)

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
    """Every node that can run, functions' bodies too, those of one depth after another."""
    waiting = deque([node])
    while waiting:
        node = waiting.popleft()
        yield node
        waiting.extend(
            node.orelse if isinstance(node, ast.If) and is_type_checking(node) else ast.iter_child_nodes(node)
        )


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
MODULES = dict.fromkeys(module_of(path) for path in ALL_FILES)


@cache
def all_imports() -> dict[str, list[Import]]:
    """Those of every file by its module; not made before a test asks, as every process of tests reads this file."""
    return {module_of(path): imports(path.read_text()) for path in ALL_FILES}


def floor_of(module: str) -> int | None:
    """How high a file of the server stands; the ground is lowest, `__main__` above all. None for other packages."""
    package, _, rest = module.partition(".")
    if package != "server":
        return None
    name = rest.partition(".")[0]
    if name in FLOORS:
        return FLOORS.index(name) + 1
    return len(FLOORS) + 1 if name == "__main__" else 0


def test_the_server_has_these_floors_and_this_ground() -> None:
    entries = {entry.stem for entry in (ROOT / "server").iterdir() if entry.is_dir() or entry.suffix == ".py"}
    assert entries - {"__init__", "__main__", "__pycache__"} == {*FLOORS, *GROUND}, "give it a floor, here and in docs"


@pytest.mark.parametrize("module", [module for module in MODULES if package_of(module) == "server"])
def test_files_import_their_own_floor_and_those_below(module: str) -> None:
    own = floor_of(module)
    for imported, line in all_imports()[module]:
        floor = floor_of(imported)
        assert own is not None
        assert floor is None or floor <= own, f"{module}, line {line}: {imported} stands above it"


def test_the_doors_know_nothing_of_each_other() -> None:
    for module, imported in all_imports().items():
        if module.startswith("server.asgi"):
            assert not [name for name, _ in imported if name.startswith("server.http")], module


def test_batching_knows_no_protocol() -> None:
    for module, imported in all_imports().items():
        if module.startswith("server.batching"):
            assert not [name for name, _ in imported if name.startswith("server.codecs")], module


def test_no_file_imports_itself_by_way_of_others() -> None:
    ours = all_imports()
    graph = {module: {name for name, _ in imported if name in ours} for module, imported in ours.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("package", PACKAGES)
def test_folders_import_each_other_in_one_direction(package: str) -> None:
    """What stands beside the folders is a node of its own."""

    def node(module: str) -> str:
        return ".".join(module.split(".")[:2])

    graph: dict[str, set[str]] = {}
    for module, imported in all_imports().items():
        names = {node(name) for name, _ in imported if name in MODULES and package_of(name) == package}
        if package_of(module) == package:
            graph.setdefault(node(module), set()).update(names - {node(module), package})
    TopologicalSorter(graph).prepare()


def test_no_folder_is_too_long_to_be_read() -> None:
    for package in (*PACKAGES, "tests"):
        for folder in {path.parent for path in files(package)}:
            name = str(folder.relative_to(ROOT))
            side_by_side = [entry for entry in folder.iterdir() if entry.is_file()]
            assert len(side_by_side) <= MOST_FILES or name in LONG_FOLDERS, name


def test_the_server_imports_neither_convert_nor_bench() -> None:
    for module, lines in all_imports().items():
        for imported, line in lines:
            if package_of(module) == "server":
                assert package_of(imported) not in ("convert", "bench", "score", "examples", "tests"), (
                    f"{module}, line {line}"
                )


def test_convert_imports_of_the_server_only_what_is_open_to_it() -> None:
    for module, lines in all_imports().items():
        if package_of(module) == "convert":
            for imported, line in lines:
                assert package_of(imported) not in ("bench", "score", "examples", "tests"), f"{module}, line {line}"
                inside = f"{imported}.".startswith(tuple(f"{floor}." for floor in OPEN_TO_CONVERT))
                assert package_of(imported) != "server" or inside, f"{module}, line {line}: {imported}"


def test_score_imports_of_the_server_only_what_knows_no_http() -> None:
    for module, lines in all_imports().items():
        if package_of(module) == "score":
            for imported, line in lines:
                assert package_of(imported) not in ("convert", "bench", "examples", "tests"), f"{module}, line {line}"
                floor = floor_of(imported) or 0
                assert floor <= FLOORS.index("models") + 1, f"{module}, line {line}: {imported}"


def test_bench_imports_neither_server_nor_convert() -> None:
    for module, lines in all_imports().items():
        if package_of(module) == "bench":
            for imported, line in lines:
                assert package_of(imported) not in ("server", "convert", "score", "tests"), (
                    f"{module}, line {line}: {imported}"
                )


def test_the_server_imports_nothing_that_can_unpickle() -> None:
    for module, lines in all_imports().items():
        for imported, line in lines:
            if package_of(module) == "server":
                assert package_of(imported) not in NEVER_IN_SERVER, f"{module}, line {line}: {imported}"


def test_a_running_server_has_loaded_nothing_that_can_unpickle_estimators() -> None:
    """The same over what libraries bring in. ``pickle`` itself comes with numpy, unused."""
    code = "import server.processes.application, sys; print(*{name.partition('.')[0] for name in sys.modules})"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert "onnxruntime" in loaded
    assert loaded & (NEVER_IN_SERVER - {"pickle"}) == set()


OUTSIDE = {"environ": "os.environ", "environb": "os.environb", "getenv": "os.getenv", "argv": "sys.argv"}


def outside_world(source: str) -> list[str]:
    """Where a source prints, parses arguments or reads the environment."""
    found = [(name, line) for name, line in imports(source) if name in ("argparse", "getopt", "click")]
    for node in walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("print", "input"):
            found.append((ast.unparse(node), node.lineno))
        if isinstance(node, ast.Attribute) and node.attr in OUTSIDE and ast.unparse(node) in OUTSIDE.values():
            found.append((ast.unparse(node), node.lineno))
    return [f"line {line}: {what}" for what, line in found]


# Files that nobody starts, but that belong to such a one.
PARTS_OF_ENTRY_POINTS = frozenset(
    {
        "bench.arguments",  # the command line of bench's `__main__`, from a list that it is given
        "bench.peers.bentoml",  # BentoML's own command starts it
        "bench.machine.processes",  # hands this process's environment on to the servers it starts
        "convert.cli.grammar",  # its words
        "convert.cli.options",  # the command line of convert's `__main__`, from a list that it is given
        "score.options",  # the same of score's
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
    assert imports("if TYPE_CHECKING:\n    import server.asgi.app\nelse:\n    import x\n") == [("x", 4)]
    assert imports("def late():\n    from server.asgi.app import App\n") == [("server.asgi.app", 2)]
    assert len(outside_world("import argparse, os\nprint(1)\nos.environ['A']\nos.getenv('B')\n")) == 4
