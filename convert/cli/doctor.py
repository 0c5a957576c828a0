"""Owns what is said of a model file that nobody has opened, and the command that comes next. Knows no opcodes."""

from __future__ import annotations

import importlib.util
import shlex
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from convert.cli.outcome import Report
from convert.cli.terminal import on_one_line
from convert.doctor.findings import Findings
from convert.errors import Refused
from convert.opening.own_code import is_own, path_option
from convert.sandbox import parent

MOST_FILE_BYTES = 2 << 30
SHOWN_NAMES = 12
OPTIONAL = {
    **dict.fromkeys(("catboost", "lightgbm", "xgboost"), "boosters"),
    **dict.fromkeys(("category_encoders", "feature_engine", "imblearn", "statsmodels"), "libraries"),
}
STRANGER = "the file asks for names that no model needs: do not load it with pickle, and convert it only if you made it"


def look(model: Path) -> Report:
    """What the file is. Raises Refused."""
    if not model.is_file():
        raise Refused(f"{model} is not a file", "check the path")
    size = model.stat().st_size
    if size > MOST_FILE_BYTES:
        raise Refused(f"{model} is larger than the {MOST_FILE_BYTES >> 30} GB that converting reads")
    try:
        found = Findings.from_json(parent.look(model.read_bytes()))
    except (LookupError, TypeError, ValueError) as error:
        raise Refused("what was found in the file is not told as it should be") from error
    advice, command = _next(found, model)
    lines = [f"{on_one_line(str(model))}: {_kind(found)}, {size:,} bytes"]
    lines += [f"versions  {_versions(found)}"] if found.kind in ("pickle", "skops") else []
    lines += (
        [f"names     {len(found.known)} that conversion knows{_unknown(found.unknown)}"]
        if found.known or found.unknown
        else []
    )
    lines += [f"keys      {', '.join(map(on_one_line, found.keys))}"] if found.keys else []
    lines += [f"note      {on_one_line(found.stopped)}"] if found.stopped else []
    lines += ["", *(f"  {on_one_line(line)}" for line in found.drawing)] if found.drawing else []
    lines += ["", f"next      {advice}", *([f"  {command}"] if command else [])]
    data = {"file": str(model), "bytes": size, **found.to_json(), "advice": advice, "command": command}
    return Report("\n".join(lines), data)


def _kind(found: Findings) -> str:
    packed = f", packed with {found.packed}" if found.packed else ""
    writer = "joblib, pickle" if found.joblib else "pickle"
    names = {"pickle": f"{writer} protocol {found.protocol}", "skops": "skops", "text": "text, no model"}
    return names.get(found.kind, "no model file that is known") + packed


def _versions(found: Findings) -> str:
    told = ", ".join(map(on_one_line, found.versions)) or "not told"
    return f"scikit-learn {told}; {_installed('scikit-learn')} is here"


def _unknown(names: Sequence[str]) -> str:
    more = f", and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    return f", and not {', '.join(map(on_one_line, names[:SHOWN_NAMES]))}{more}" if names else ""


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _next(found: Findings, model: Path) -> tuple[str, str]:
    """What to do, in a sentence, and the command for it, which is empty where no command helps."""
    file = shlex.quote(str(model))
    convert = f"python -m convert {file}"
    if found.kind not in ("pickle", "skops"):
        return "write the fitted model with pickle.dump or joblib.dump, and give that file", ""
    lacking = sorted({group for name in (*found.known, *found.unknown) if (group := _lacking(name))})
    if lacking:
        return f"install the packages that it needs ({', '.join(lacking)})", f"make {' '.join(lacking)}"
    if found.keys:
        return "it is a dict: name the model's key", f"{convert} --key {shlex.quote(found.keys[0])}"
    own = [name for name in found.unknown if is_own(name)]
    if own:
        return "it holds code of your own, which runs confined and is recorded if you trust it", (
            f"{convert} --trust-code{path_option(own, model.parent)}"
        )
    if found.unknown:
        return STRANGER, ""
    other = sorted({_minor(text) for text in found.versions} - {_minor(_installed("scikit-learn"))})
    if other:
        return f"its own scikit-learn {other[0]} proves it, in an environment that is made once, by uv", convert
    return "convert it", convert


def _lacking(name: str) -> str:
    top = name.partition(".")[0]
    return OPTIONAL.get(top, "") if top in OPTIONAL and importlib.util.find_spec(top) is None else ""


def _minor(text: str) -> str:
    return ".".join(text.split(".")[:2])
