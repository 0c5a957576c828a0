"""Owns the words in which a person reads a schema, a proof, a failure. Pure: text out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from convert.cli.terminal import on_one_line
from server.artefact.metadata import Artefact, Feature, Output

SHOWN_NAMES = 8
SHOWN_FEATURES = 40  # of a model just converted; `inspect` shows all
LONGEST_CELL = 200  # characters
WORST = "the largest difference, as a share of what the rule of parity allows"
ACCIDENTS = (
    "rows whose neighbours are equally near: scikit-learn answers by whichever it meets first, so they are not compared"
)
ORIGINAL = "original"  # among what a file says of its making: which other scikit-learn answered in the proof
# Behind a proof that nobody repeats here: whoever makes a file can write one into it.
OWN_WORD = "so the file says of itself; python -m convert verify MODEL FILE.onnx asks the original again"


def proof_table(parity: Mapping[str, Any]) -> str:
    """The proof, one line per group of rows and output; batched and alone side by side."""
    lines: list[tuple[str, ...]] = [("rows", "", "output", "differ", "ties", "accidents", "worst", "worst alone")]
    both = {(line["group"], line["output"], line["way"]): line for line in parity["lines"]}
    for (group, output, way), line in both.items():
        if way == "batched":
            single = both[(group, output, "alone")]
            wrong = line["wrong"] + single["wrong"]
            cells = ("", "") if output == "label" else (_share(line["worst"]), _share(single["worst"]))
            counts = (f"{wrong:,}", _ties(line), f"{line.get('accidents', 0):,}")
            lines.append((group, f"{line['rows']:,}", output, *counts, *cells))
    words = [f"worst: {WORST}"]
    if any(line.get("accidents") for line in parity["lines"]):
        words.insert(0, f"accidents: {ACCIDENTS}")
    else:
        lines = [(*line[:5], *line[6:]) for line in lines]
    return "\n".join((_aligned(lines), "", *words, *_spread(parity), *_unsure(parity)))


def _unsure(parity: Mapping[str, Any]) -> list[str]:
    """Which columns may be of another type than the schema says."""
    names = [str(name) for name in parity.get("unsure", ())]
    if not names:
        return []
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    listed = on_one_line(", ".join(names[:SHOWN_NAMES]))
    return [
        f"types: nothing in the model tells whether {listed}{more} hold{'s' * (len(names) == 1)} texts or numbers:"
        " requests must send what the schema says; --data ROWS.csv, with rows as clients send them, decides it"
    ]


def _spread(parity: Mapping[str, Any]) -> list[str]:
    """How many answers were seen; nothing of a file that was made before they were counted."""
    if not parity.get("distinct_answers"):
        return []
    if parity["distinct_answers"] == 1:
        return ["answers: one and the same to every row, whatever is in it"]
    return [f"answers: {parity['distinct_answers']:,} distinct ones, the commonest to {parity['commonest_answer']:.1%}"]


def _ties(line: Mapping[str, Any]) -> str:
    return f"{line['ties']:,}" if line["output"] == "label" else ""


def _share(worst: float) -> str:
    return "0" if worst == 0 else f"{worst:.1%}" if worst >= 1e-3 else "<0.1%"


def verdict(parity: Mapping[str, Any]) -> str:
    """One line for a person in a hurry."""
    if parity["wrong"]:
        return f"NOT EQUAL: {parity['wrong']:,} answers differ from scikit-learn's over {parity['rows']:,} rows"
    return _equality(parity) + _company(parity)


def _company(parity: Mapping[str, Any]) -> str:
    company = parity.get("company")
    return (
        ""
        if company is None
        else (
            f"; that is what it answers to each row alone: of {company['rows']:,} rows together it answers "
            f"{company['differ']:,} otherwise, by up to {company['worst']:.2g} of their size"
        )
    )


def _equality(parity: Mapping[str, Any]) -> str:
    if parity.get("accidents"):
        return (
            f"equal: {_compared(parity)}, but for {parity['accidents']:,} whose neighbours "
            f"tie ({parity['accident_share']:.1%} of usual rows, or such as the model remembers)"
        )
    ties = f" ({parity['ties']:,} labels differ where two classes tie within 1e-6)" if parity["ties"] else ""
    return f"equal: {_compared(parity)}, answered as scikit-learn answers them{ties}"


def _compared(parity: Mapping[str, Any]) -> str:
    """How many rows, and how many of these alone."""
    lines, rows = parity.get("lines", ()), parity["rows"]
    alone = sum(line["rows"] for line in lines if (line["way"], line["output"]) == ("alone", lines[0]["output"]))
    if not lines or alone == rows:
        return f"{rows:,} rows, together and alone"
    return f"{rows:,} rows together, {alone:,} of them alone, as the graph shows that it keeps rows apart"


def slowness(speed: Mapping[str, float]) -> list[str]:
    """A warning where ONNX Runtime is the slower one."""
    slow = [f"{rows} row{'' if rows == '1' else 's'}: {ratio:.2f} times" for rows, ratio in speed.items() if ratio < 1]
    return [f"note: ONNX Runtime is slower than scikit-learn here, at {', '.join(slow)} its speed"] if slow else []


def bad_rows(bad: Sequence[Mapping[str, Any]]) -> str:
    """The worst rows of a failure."""
    lines = ["worst rows:"]
    for item in bad:
        row = ", ".join(f"{name}={value!r}" for name, value in item["row"].items())
        compared = f"scikit-learn {item['expected']}, ONNX {item['got']}"
        lines += [f"  {item['output']} ({item['way']}): {compared}", f"    {row}"]
    return "\n".join(map(on_one_line, lines))


def drawing(doc_string: str) -> str:
    """The drawing of a pipeline, moved in: no line of it looks like one of ours."""
    return "\n".join(f"  {on_one_line(line)}" for line in doc_string.splitlines())


def signature_line(way: str, name: str, dtype: str, shape: Sequence[int | None]) -> str:
    """An input or output of a stranger's file."""
    return on_one_line(f"{way}  {name}  {dtype}  {list(shape)}")


def description(artefact: Artefact, most: int | None = None) -> str:
    """The schema of a file (of ``most`` features), its outputs, and where it comes from."""
    lines = [
        f"{artefact.name}: {artefact.kind.replace('_', ' ')}, made {artefact.created} with "
        + ", ".join(f"{name} {number}" for name, number in artefact.producer.items() if name != ORIGINAL),
        f"source   sha256 {artefact.source_sha256}",
        f"outputs  {', '.join(map(_output, artefact.outputs))}",
    ]
    if artefact.origin:
        lines.append(f"origin   {artefact.origin}")
    if ORIGINAL in artefact.producer:
        lines.append(f"proven   against the answers of {artefact.producer[ORIGINAL]}")
    if artefact.optimisation:
        lines.append(f"faster   {optimised(artefact.optimisation)}")
    if artefact.classes is not None:
        lines.append(f"classes  {', '.join(repr(label) for label in artefact.classes)}")
    features = [("feature", "type", "input", "missing", "values"), *map(feature_cells, artefact.features[:most])]
    more = "" if most is None or len(artefact.features) <= most else f"\nand {len(artefact.features) - most:,} more"
    return "\n".join(map(on_one_line, lines)) + "\n\n" + _aligned(features) + more


def optimised(told: Mapping[str, Any]) -> str:
    """Which faster graph was kept, what it gained, and by how much its answers differ."""
    if not told["kept"]:
        left = "; ".join(f"{name}: {why}" for name, why in told["left"].items()) or "there is nothing to try"
        return f"no, the graph is as ever ({left})"
    gains = ", ".join(
        f"{times:.2f} times at {int(rows):,} row{'s' * (rows != '1')}" for rows, times in told["times_faster"].items()
    )
    worst, before = _share(told["worst"]), _share(told["worst_safe"])
    cut = f"; a number beyond {told['cut_at']:g} counts as that where it is multiplied" if "cut_at" in told else ""
    return f"{told['kept']}: {gains}; answers differ by at most {worst} of what the rule allows, else {before}{cut}"


def _output(output: Output) -> str:
    return output.name if output.name == output.role else f"{output.name} ({output.role})"


def feature_cells(feature: Feature) -> tuple[str, ...]:
    """A line of the schema: name, type, input, whether it may be missing, its values."""
    named = _few([str(value) for value in (feature.known if feature.categories is None else feature.categories)])
    values = named if feature.categories is not None else f"any; known: {named}" if named else "any"
    return (feature.name, feature.dtype, feature.input, "allowed" if feature.nullable else "no", values)


def _few(names: Sequence[str]) -> str:
    more = f", and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    return ", ".join(names[:SHOWN_NAMES]) + more


def _cut(cell: str) -> str:
    """What a column is as wide as: a name of megabytes would be that on each of its lines."""
    return cell if len(cell) <= LONGEST_CELL else f"{cell[:LONGEST_CELL]}..."


def _aligned(texts: Sequence[Sequence[str]]) -> str:
    lines = [[_cut(on_one_line(cell)) for cell in line] for line in texts]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
