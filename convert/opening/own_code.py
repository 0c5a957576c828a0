"""Owns where a person's own functions and classes are found: modules in their folders, scripts and notebooks.

Knows no pickles; what a script or notebook defines, `scripts` reads.
"""

from __future__ import annotations

import dis
import importlib
import importlib.util
import platform
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from convert.errors import Refused
from convert.opening.scripts import NOTEBOOK, Script

MAIN = "__main__"
CLOUDPICKLE = "cloudpickle"
VENDORED = "joblib.externals."  # joblib has brought cloudpickle within itself
MOST_UNREAD = 3  # that are told, where none defines a name
FIRST_INSTRUCTIONS = 8  # among which every function of Python 3.11 and later resumes
MOST_SCRIPTS, MOST_SCRIPT_BYTES = 1000, 256 << 20  # in a folder that is searched for a name


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
        self._scripts: dict[Path, Script] | None = None  # read when the first name of __main__ is asked for
        self._unread: list[str] = []
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
        except (Exception, SystemExit) as error:
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
        if self._scripts is None:
            self._scripts = dict(self._read_scripts())
        having = [script for script in self._scripts.values() if self._defines(script, name)]
        if len(having) == 1:
            return having[0].module
        if having:
            raise Refused(
                f"{MAIN}.{name} is defined in {', '.join(script.file.name for script in having)}",
                "say which of them the model was made with: --path FILE",
            )
        unread = f" ({'; '.join(self._unread[:MOST_UNREAD])})" if self._unread else ""
        raise Refused(
            f"the model has {name} from {MAIN}, the script or notebook that made it, and a pickle holds its name alone,"
            f" not its code; {', '.join(map(str, self._paths))} does not define it{unread}",
            "--path NOTEBOOK.ipynb or --path SCRIPT.py names the file that defines it; or write the model with"
            " cloudpickle.dump, which puts the code into the file",
        )

    def _read_scripts(self) -> Iterator[tuple[Path, Script]]:
        """A file that is named must be a script; of a folder those that are none are passed over."""
        yield from ((path, Script(path)) for path in self._paths if not path.is_dir())
        for folder in (path for path in self._paths if path.is_dir()):
            files = [entry for entry in folder.iterdir() if entry.suffix in (".py", NOTEBOOK)]
            sizes = [file.stat().st_size for file in files if file.is_file()]
            if len(files) > MOST_SCRIPTS or sum(sizes) > MOST_SCRIPT_BYTES:
                raise Refused(
                    f"{folder} holds {len(files):,} scripts and notebooks of {sum(sizes):,} bytes, too many to search",
                    "say which of them the model was made with: --path FILE",
                )
            for file in sorted(files):
                try:
                    yield file, Script(file)
                except Refused as error:
                    self._unread.append(error.reason)

    def _defines(self, script: Script, name: str) -> bool:
        try:
            return script.defines(name)
        except Refused as error:
            if script.file in self._paths:
                raise
            self._unread += [error.reason] if error.reason not in self._unread else []
            return False


def _inner(thing: Any, name: str) -> Any:
    for part in name.split("."):
        if not hasattr(thing, part):
            file = getattr(thing, "__file__", None)
            raise Refused(
                f"the model needs {name} of {getattr(thing, '__name__', thing)}"
                f"{f' ({file})' if file else ''}, which does not have it",
                "give the code that the model was made with: --path; a module that has the name of an installed one"
                " is never found, and needs another name",
            )
        thing = getattr(thing, part)
    return thing
