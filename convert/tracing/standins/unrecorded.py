"""Owns the refusals of methods that have no meaning in a graph, or none yet. Knows no stand-ins."""

from __future__ import annotations

from convert.tracing.recorder.refusals import IN_FIT, MIXES, RECORDED, VECTORISED, Untraceable, refuse

MIXING = frozenset(
    [
        "corr",
        "cov",
        "cummax",
        "cummin",
        "cumprod",
        "cumsum",
        "describe",
        "diff",
        "drop_duplicates",
        "dropna",
        "duplicated",
        "ewm",
        "expanding",
        "groupby",
        "head",
        "idxmax",
        "idxmin",
        "interpolate",
        "kurt",
        "median",
        "mode",
        "nlargest",
        "nsmallest",
        "nunique",
        "pct_change",
        "pivot",
        "pivot_table",
        "quantile",
        "rank",
        "resample",
        "rolling",
        "sample",
        "shift",
        "skew",
        "sort",
        "sort_index",
        "sort_values",
        "tail",
        "unique",
        "value_counts",
        "ffill",
        "bfill",
        "factorize",
        "argsort",
        "argmax",
        "argmin",
        "searchsorted",
        "merge",
        "join",
        "prod",
        "sem",
        "var",
        "ptp",
        "transpose",
        "T",
        "iloc",
        "query",
        "max",
        "min",
        "sum",
        "mean",
        "std",
        "any",
        "all",
        "count",
    ]
)
WALKING = frozenset(["iterrows", "itertuples", "items", "tolist", "to_list", "to_dict", "flat", "iteritems"])


def unrecorded(kind: str, name: str) -> Untraceable:
    """The refusal of a method or attribute of this kind of thing."""
    full = f"{kind}.{name}"
    if name in MIXING:
        return refuse(f"{full}: {MIXES}", IN_FIT)
    if name in WALKING:
        return refuse(f"{full}: it goes through the rows one by one", VECTORISED)
    return refuse(f"{full} is not recorded", RECORDED)
