"""Owns the drawing of an estimator as a tree of lines. Pure; knows nothing of files."""

from __future__ import annotations

from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline

LONGEST_LINE = 110
INNER = ("best_estimator_", "estimator", "regressor_", "final_estimator_", "classifier")


def draw(model: Any) -> str:
    """One line per estimator, those inside it indented under it."""
    return "\n".join(_lines(model, ""))


def _lines(model: Any, name: str) -> list[str]:
    label = f"{name}: " if name else ""
    if isinstance(model, str) or model is None:
        return [f"{label}{model or 'passthrough'}"]
    inside = _inside(model)
    plain = type(model).__name__ if inside else " ".join(repr(model).split())
    lines = [(label + plain)[:LONGEST_LINE]]
    for position, (key, one) in enumerate(inside):
        last = position == len(inside) - 1
        below = _lines(one, key)
        lines.append(("└─ " if last else "├─ ") + below[0])
        lines += [("   " if last else "│  ") + line for line in below[1:]]
    return lines


def _inside(model: Any) -> list[tuple[str, Any]]:
    match model:
        case Pipeline():
            return list(model.steps)
        case ColumnTransformer():
            return [(f"{name} {_columns(chosen)}", one) for name, one, chosen in model.transformers_]
        case FeatureUnion():
            return list(model.transformer_list)
    if isinstance(getattr(model, "estimators", None), list):
        named = [(str(name), one) for name, one in model.estimators]
        final = getattr(model, "final_estimator_", None)
        return named if final is None else [*named, ("final", final)]
    return [(name.rstrip("_"), getattr(model, name)) for name in INNER if hasattr(getattr(model, name, None), "fit")][
        :1
    ]


def _columns(chosen: Any) -> str:
    names = (
        [str(one) for one in chosen] if hasattr(chosen, "__iter__") and not isinstance(chosen, str) else [str(chosen)]
    )
    shown = ", ".join(names[:4])
    return f"[{shown}{', ...' if len(names) > 4 else ''}]"
