"""Owns the page docs/coverage.md: outcomes in, text out. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

from tests.campaigns.coverage.data import Case
from tests.campaigns.coverage.measure import Outcome

Row = tuple[Case, Outcome, Outcome]

HEAD = """\
# What converts

Written by `python -m tests.campaigns.coverage`: every estimator of scikit-learn {sklearn} that predicts or transforms
new rows, with each kind of target, and what people build of them. Each case is fitted, converted, and compared with the
original over at least 10,000 rows made up from it (thresholds and their neighbours, missing values, unknown categories,
extremes), together and alone. Beside it plain skl2onnx {skl2onnx} on the same rows, in float32 as its documentation
shows, allowed ten times our tolerance. What is refused writes no file; so would what differs, with exit status 1.
What scikit-learn itself does not fit, such as a wrapper that asks for numbers round a column of words, or cannot ask
once it is fitted, such as SelectFromModel round encoded words, is no case.

Where skl2onnx differs, much is a missing value: scikit-learn's trees take one even if they never saw one, and the file
sends it elsewhere; some is the sign of a two-class decision value. Behind a scaler, float32 falls on the other side of
a threshold. The boosters and libraries are those of `requirements-boosters.txt` and `requirements-libraries.txt` that
were installed; plain skl2onnx knows none. NMF and MiniBatchNMF, which scikit-learn answers otherwise beside other rows,
are converted with `--alone`, and compared with what it answers to each row alone.
"""
ORDER = ("agrees", "refused", "differs", "breaks", "hangs")


def page(rows: Sequence[Row]) -> str:
    """The whole page."""
    fitted = [row for row in rows if row[1].status != "not fitted"]
    groups = list(dict.fromkeys(case.group for case, _, _ in fitted))
    parts = [
        HEAD.format(sklearn=version("scikit-learn"), skl2onnx=version("skl2onnx")),
        _summary(fitted, groups),
        "## What is refused, and what plain skl2onnx does not do right\n",
        "A case that agrees in both ways is not listed.\n",
        *(_group(group, [row for row in fitted if row[0].group == group]) for group in groups),
    ]
    return "\n".join(part for part in parts if part).rstrip() + "\n"


def _summary(rows: Sequence[Row], groups: Sequence[str]) -> str:
    lines = [
        "| group | cases | here: agrees | refused | other | skl2onnx: agrees | refused | differs | breaks or hangs |"
    ]
    lines.append("| --- |" + " ---: |" * 8)
    for group in [*groups, "all"]:
        here = [row for row in rows if group in (row[0].group, "all")]
        ours = _counts([row[1] for row in here])
        plain = _counts([row[2] for row in here])
        cells = (
            group,
            len(here),
            f"{ours['agrees']} ({ours['agrees'] / len(here):.0%})",
            ours["refused"],
            ours["differs"] + ours["breaks"] + ours["hangs"],
            plain["agrees"],
            plain["refused"],
            plain["differs"],
            plain["breaks"] + plain["hangs"],
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def _counts(outcomes: Sequence[Outcome]) -> dict[str, int]:
    return {status: sum(outcome.status == status for outcome in outcomes) for status in ORDER}


def _group(group: str, rows: Sequence[Row]) -> str:
    odd = [row for row in rows if not row[1].status == row[2].status == "agrees"]
    if not odd:
        return ""
    lines = [f"### {group}\n", "| case | here | plain skl2onnx |", "| --- | --- | --- |"]
    lines += [f"| {_cell(case.name)} | {_said(ours)} | {_said(plain)} |" for case, ours, plain in odd]
    return "\n".join(lines) + "\n"


def _said(outcome: Outcome) -> str:
    return outcome.status if outcome.status == "agrees" else f"{outcome.status}: {_cell(outcome.why[:140])}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
