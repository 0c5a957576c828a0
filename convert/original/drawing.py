"""Owns the drawing of an estimator as a tree of lines. Pure; knows nothing of files."""

from __future__ import annotations

from typing import Any

from sklearn.compose import ColumnTransformer

from convert.inside import Inner, inside

LONGEST_LINE = 110
SHOWN_COLUMNS = 4


def draw(model: Any) -> str:
    """One line per estimator, those inside it indented under it."""
    return "\n".join(_lines(model, ""))


def _lines(model: Any, name: str) -> list[str]:
    label = f"{name}: " if name else ""
    if isinstance(model, str) or model is None:
        return [f"{label}{model or 'passthrough'}"]
    children = _children(model)
    plain = type(model).__name__ if children else _told(model)
    lines = [(label + plain)[:LONGEST_LINE]]
    for position, (child_name, child) in enumerate(children):
        last = position == len(children) - 1
        below = _lines(child, child_name)
        lines.append(("└─ " if last else "├─ ") + below[0])
        lines += [("   " if last else "│  ") + line for line in below[1:]]
    return lines


def _told(model: Any) -> str:
    """With its parameters; one that lacks some, as a changed file leaves it, does not tell them."""
    try:
        return " ".join(repr(model).split())
    except Exception:  # noqa: BLE001  whatever it raises, a drawing is no reason to refuse a model
        return type(model).__name__


def _children(model: Any) -> list[tuple[str, Any]]:
    """Of estimators that are only numbered, which are fits of one, the first stands for all."""
    parts = inside(model)
    if parts and all(part.name.isdigit() for part in parts):
        return [("estimator", parts[0].estimator)]
    named = isinstance(model, ColumnTransformer)
    return [(f"{part.name} {_columns(model, part)}" if named else part.name, part.estimator) for part in parts]


def _columns(model: Any, part: Inner) -> str:
    given = getattr(model, "feature_names_in_", None)
    names = [str(position if given is None else given[position]) for position in part.columns or ()]
    more = ", ..." if len(names) > SHOWN_COLUMNS else ""
    return f"[{', '.join(names[:SHOWN_COLUMNS])}{more}]"
