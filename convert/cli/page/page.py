"""Owns the page that reports one conversion: a single HTML file, without script, that fetches nothing. Pure.

Whatever a file says of itself is a stranger's: every text is escaped, invisible characters are written out, all is cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from convert.cli import report
from convert.cli.page.plot import plot
from convert.cli.terminal import on_one_line
from server.artefact.metadata import Artefact, Feature

MOST_FEATURES, MOST_CLASSES, MOST_LINES, MOST_CHARACTERS = 100, 100, 100, 100
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
STYLE = """
:root { color-scheme: light dark; --ground: #f5f4ef; --card: #fffefb; --ink: #1e2326; --soft: #5c6266; --line: #e2dfd6;
  --tint: #1f6f5f; --bad: #a3382a; }
@media (prefers-color-scheme: dark) { :root { --ground: #121516; --card: #191d1f; --ink: #e7e6e1; --soft: #9ba2a5;
  --line: #2b3134; --tint: #7ccab6; --bad: #ef9a8c; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1000px; padding: 40px 24px 64px; background: var(--ground); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; font-variant-numeric: tabular-nums; }
h1 { margin: 0; font-size: 28px; letter-spacing: -.02em; overflow-wrap: anywhere; }
h2 { margin: 0 0 14px; font-size: 17px; }
p { margin: 6px 0 0; overflow-wrap: anywhere; }
section { margin-top: 24px; padding: 24px 28px; background: var(--card); border: 1px solid var(--line);
  border-radius: 14px; }
.soft, th, .tick { color: var(--soft); fill: var(--soft); }
.verdict { margin-top: 18px; font-size: 18px; font-weight: 600; color: var(--tint); }
.verdict.differs { color: var(--bad); }
.wide { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: 14px; }
th { font-weight: 500; text-align: left; }
th, td { padding: 6px 14px 6px 0; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
tr:last-child td { border-bottom: 0; }
.number { text-align: right; white-space: nowrap; }
pre, code { font: 13px/1.6 ui-monospace, Menlo, Consolas, monospace; }
pre { margin: 0; overflow-x: auto; }
svg { display: block; width: 100%; min-width: 620px; height: auto; font-size: 13px; }
svg text { fill: var(--ink); }
svg text.tick, svg text.rule { font-size: 12px; }
svg text.tick { fill: var(--soft); }
svg line { stroke: var(--line); }
svg line.rule { stroke: var(--bad); stroke-width: 1.5; }
svg text.rule { fill: var(--bad); }
svg .bar { fill: var(--tint); }
svg .bad { fill: var(--bad); }
svg circle { fill: var(--card); stroke: var(--ink); stroke-width: 1.5; }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 6px 24px; margin: 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
"""


def page(artefact: Artefact, drawing: str, speed: Mapping[str, float], facts: Mapping[str, str]) -> str:
    """The whole page: ``drawing`` of the pipeline, ``speed`` by rows as a multiple of the original's, other ``facts``.

    Raises what a file of another shape makes of it: LookupError, TypeError, ValueError.
    """
    parity = artefact.parity
    differs = " differs" if parity["wrong"] else ""
    rule = "|a - b| &le; 1e-5 &middot; max(|a|, s), s the spread of the answers; probabilities: 1; labels are equal"
    head = (
        f"<h1>{_text(artefact.name)}</h1>"
        f'<p class="soft">{_text(artefact.kind.replace("_", " "))}, converted {_text(artefact.created)}</p>'
        f'<p class="verdict{differs}">{_text(report.verdict(parity), 400)}</p>'
    )
    sections = (
        _section("Pipeline", f"<pre>{_drawing(drawing)}</pre>"),
        _section("Differences", f'<p class="soft">The rule: {rule}. Bars: rows together; rings: each row alone.</p>'
                 f'<div class="wide">{plot(parity["lines"])}</div>'),
        _section("Proof by group", _proof(parity["lines"]) + _scales(parity)),
        _section("Speed", _speed(speed)),
        _section(f"Features ({len(artefact.features):,})", _features(artefact.features)),
        _section("Outputs", _outputs(artefact)),
        _section("Origin", _facts({**facts, "SHA-256 of the pickle": artefact.source_sha256, **artefact.producer})),
    )  # fmt: skip
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(artefact.name)}: proof of conversion</title><style>{STYLE}</style></head>"
        f"<body><main>{head}{''.join(sections)}</main></body></html>\n"
    )


def _text(value: object, most: int = MOST_CHARACTERS) -> str:
    text = on_one_line(str(value))
    return escape(text if len(text) <= most else f"{text[:most]}...")


def _section(title: str, inner: str) -> str:
    return f"<section><h2>{title}</h2>{inner}</section>"


def _drawing(drawing: str) -> str:
    lines = drawing.splitlines()
    more = [f"and {len(lines) - MOST_LINES:,} lines more"] if len(lines) > MOST_LINES else []
    return "\n".join(map(_text, [*lines[:MOST_LINES], *more]))


def _table(head: Sequence[str], rows: Iterable[Sequence[object]], numbers: int) -> str:
    """``numbers``: how many columns, counted from the right, hold numbers."""
    kinds = ["" if place < len(head) - numbers else ' class="number"' for place in range(len(head))]
    lines = ["".join(f"<td{kind}>{_text(cell)}</td>" for kind, cell in zip(kinds, row, strict=True)) for row in rows]
    names = "".join(f'<th{kind} scope="col">{name}</th>' for kind, name in zip(kinds, head, strict=True))
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="wide"><table><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table></div>'


def _proof(lines: Sequence[Mapping[str, Any]]) -> str:
    alone = {(line["group"], line["output"]): line for line in lines if line["way"] == "alone"}
    rows = []
    for line in [line for line in lines if line["way"] == "batched"][:MOST_LINES]:
        single = alone[line["group"], line["output"]]
        worst = ("", "") if line["output"] == "label" else (f"{line['worst']:.2g}", f"{single['worst']:.2g}")
        counts = (f"{line['rows']:,}", f"{line['wrong'] + single['wrong']:,}", f"{line['ties']:,}")
        rows.append((line["group"], line["output"], *counts, f"{line.get('accidents', 0):,}", *worst))
    return _table(("rows", "output", "compared", "differ", "ties", "accidents", "worst", "worst alone"), rows, 6)


def _scales(parity: Mapping[str, Any]) -> str:
    told = [f"Worst: a multiple of what the rule allows, 1 is the rule. {parity['rows']:,} rows"]
    if parity.get("distinct_answers"):
        told.append(
            f"{parity['distinct_answers']:,} distinct answers, the commonest to {parity['commonest_answer']:.1%}"
        )
    return f'<p class="soft">{_text("; ".join(told), 300)}.</p>'


def _speed(speed: Mapping[str, float]) -> str:
    rows = [(f"{int(count):,}", f"{ratio:,.2f} times scikit-learn's") for count, ratio in speed.items()]
    return _table(("rows at once", "speed of the file, on one thread"), rows, 1)


def _features(features: Sequence[Feature]) -> str:
    rows = [report.feature_cells(feature) for feature in features[:MOST_FEATURES]]
    left = len(features) - MOST_FEATURES
    more = f'<p class="soft">and {left:,} more</p>' if left > 0 else ""
    return _table(("feature", "type", "input", "missing", "values"), rows, 0) + more


def _outputs(artefact: Artefact) -> str:
    facts = {output.name: output.role for output in artefact.outputs}
    if artefact.classes is None:
        return _facts(facts)
    shown = ", ".join(repr(label) for label in artefact.classes[:MOST_CLASSES])
    more = f", and {len(artefact.classes) - MOST_CLASSES:,} more" if len(artefact.classes) > MOST_CLASSES else ""
    return _facts({**facts, "classes": shown + more}, 2000)


def _facts(facts: Mapping[str, object], most: int = MOST_CHARACTERS) -> str:
    return (
        f"<dl>{''.join(f'<dt>{_text(name)}</dt><dd>{_text(value, most)}</dd>' for name, value in facts.items())}</dl>"
    )
