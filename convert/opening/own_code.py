"""Owns where a person's own functions and classes are found: modules in their folders, scripts and notebooks.

A script or notebook is not run: of its top level only imports, definitions and plain assignments are. Knows no pickles.
"""

from __future__ import annotations

import ast
import dis
import importlib
import importlib.util
import json
import linecache
import platform
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from convert.errors import Refused

MAIN = "__main__"
CLOUDPICKLE = "cloudpickle"
VENDORED = "joblib.externals."  # joblib has brought cloudpickle within itself
DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign, ast.Try)
FIRST_INSTRUCTIONS = 8  # among which every function of Python 3.11 and later resumes
WORKING = ("fit", "read_", "load", "fetch_", "open", "dump", "train_test_split", "cross_val")  # calls that are no data


def is_own(full: str) -> bool:
    """Whether a dotted name is of a person's own code: of a script, of cloudpickle's, or of no installed package."""
    top = full.partition(".")[0]
    if top in (MAIN, CLOUDPICKLE) or full.startswith(f"{VENDORED}{CLOUDPICKLE}"):
        return True
    with suppress(ImportError, ValueError):
        return top not in sys.modules and importlib.util.find_spec(top) is None
    return False


def checked(made: Any) -> Any:
    """What trusted code made. Raises Refused for bytecode of another Python, which this one would crash on."""
    if isinstance(made, CodeType):
        starts = made.co_code[: 2 * (FIRST_INSTRUCTIONS + len(made.co_cellvars)) : 2]
        if dis.opmap["RESUME"] not in starts:
            raise Refused(
                "the file carries code that another version of Python compiled",
                f"write it with cloudpickle under the Python that is here, {platform.python_version()}; or put the code"
                " into a module, pickle that, and name its folder with --path",
            )
    return made


def path_option(names: Sequence[str], beside: Path) -> str:
    """What the command that runs own code names besides: where the code is that is not in the file, or by it."""
    modules = {name.partition(".")[0] for name in names if is_own(name)} - {CLOUDPICKLE, "joblib"}
    modules = {name for name in modules if name.isidentifier()}  # no others are files, and a command shows them
    if MAIN in modules:
        return " --path NOTEBOOK.ipynb (or the script that defines it)"
    away = sorted(top for top in modules if not (beside / f"{top}.py").exists() and not (beside / top).exists())
    return f" --path DIR (the folder that has {', '.join(f'{top}.py' for top in away)})" if away else ""


class OwnCode:
    """The code that a person trusts, in ``paths``: folders with modules, and scripts or notebooks.

    ``used``: something of theirs was found in it.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = tuple(path.absolute() for path in paths)
        self._main: dict[Path, ModuleType] = {}
        self.used = False
        for path in self._paths:
            folder = str(path if path.is_dir() else path.parent)
            if folder not in sys.path:
                sys.path.append(folder)

    def find(self, module: str, name: str) -> Any:
        """What a name means. Raises Refused where it is nowhere."""
        if module == MAIN:
            self.used = True
            return _inner(self._main_of(name.partition(".")[0]), name)
        self.used = self.used or is_own(f"{module}.{name}")
        try:
            found = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if module.partition(".")[0] == CLOUDPICKLE:
                return self._of_cloudpickle(module, name)
            raise self._missing(error.name or module, f"{module}.{name}") from error
        except Exception as error:
            raise Refused(
                f"the module {module}, which the model needs for {name}, does not run: {type(error).__name__}: {error}",
                "leave definitions alone in it: it can read no data and write nothing while the model is converted",
            ) from error
        return _inner(found, name)

    def _of_cloudpickle(self, module: str, name: str) -> Any:
        with suppress(ImportError):
            return _inner(importlib.import_module(VENDORED + module), name)
        raise Refused("the file was written by cloudpickle, which is not installed here", "pip install cloudpickle")

    def _missing(self, module: str, full: str) -> Refused:
        where = ", ".join(map(str, self._paths))
        return Refused(
            f"the model needs {full}, and there is no module {module!r} here, nor in {where}",
            f"--path DIR names the folder that has {module.partition('.')[0]}.py, or pip install the package it is of",
        )

    def _main_of(self, name: str) -> ModuleType:
        """The one script or notebook that defines a name of ``__main__``."""
        files = [path for path in self._paths if path.is_file()]
        for folder in (path for path in self._paths if path.is_dir()):
            files += sorted(entry for entry in folder.iterdir() if entry.suffix in (".py", ".ipynb"))
        having = [file for file in dict.fromkeys(files) if name in _defined(file)]
        if len(having) == 1:
            if having[0] not in self._main:
                self._main[having[0]] = _definitions(having[0])
            return self._main[having[0]]
        if having:
            raise Refused(
                f"{MAIN}.{name} is defined in {', '.join(file.name for file in having)}",
                "say which of them the model was made with: --path FILE",
            )
        raise Refused(
            f"the model has {name} from {MAIN}, the script or notebook that made it, and a pickle holds its name alone,"
            f" not its code; {', '.join(map(str, self._paths))} does not define it",
            "--path NOTEBOOK.ipynb or --path SCRIPT.py names the file that defines it; or write the model with"
            " cloudpickle.dump, which puts the code into the file",
        )


def _inner(thing: Any, name: str) -> Any:
    for part in name.split("."):
        if not hasattr(thing, part):
            raise Refused(
                f"the model needs {name} of {getattr(thing, '__name__', thing)}, which does not have it",
                "give the code that the model was made with: --path",
            )
        thing = getattr(thing, part)
    return thing


def _cells(file: Path) -> Iterator[tuple[str, str]]:
    """The pieces of Python in a script or a notebook, each with the name that errors give it."""
    if file.suffix != ".ipynb":
        yield file.name, file.read_text("utf-8")
        return
    cells = json.loads(file.read_text("utf-8")).get("cells", [])
    for number, cell in enumerate((cell for cell in cells if cell.get("cell_type") == "code"), 1):
        lines = "".join(cell.get("source", [])).splitlines()
        yield (
            f"{file.name}, cell {number}",
            "\n".join("" if line.lstrip()[:1] in ("%", "!") else line for line in lines),
        )


def _parsed(file: Path) -> Iterator[tuple[str, str, list[ast.stmt]]]:
    for title, source in _cells(file):
        with suppress(SyntaxError, ValueError):  # a cell that does not run now did not define anything
            yield title, source, [node for node in ast.parse(source).body if isinstance(node, DEFINITIONS)]


def _defined(file: Path) -> set[str]:
    try:
        pieces = list(_parsed(file))
    except (OSError, ValueError):
        return set()
    names: set[str] = set()
    for node in (node for _, _, nodes in pieces for node in nodes):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
    return names


def _definitions(file: Path) -> ModuleType:
    """A module of what the file defines, as it stands there; what only a run of it could make is left out."""
    module = ModuleType(MAIN)
    module.__file__ = str(file)
    for title, source, nodes in _parsed(file):
        linecache.cache[title] = (len(source), None, source.splitlines(keepends=True), title)
        for node in nodes:
            if isinstance(node, ast.Assign | ast.AnnAssign) and _works(node):
                continue
            code = compile(ast.Module([node], []), title, "exec")
            with suppress(Exception):  # a name that needs it says so when it is used
                exec(code, vars(module))  # noqa: S102  a person trusts it: --trust-code
    return module


def _works(node: ast.AST) -> bool:
    """Whether an assignment calls something that reads data or fits a model."""
    called = [call.func for call in ast.walk(node) if isinstance(call, ast.Call)]
    names = [func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "") for func in called]
    return any(name.startswith(WORKING) for name in names)
