"""Owns a micro run as text for a terminal. Pure: knows nothing of how it was measured."""

from __future__ import annotations

from collections.abc import Iterator

from bench.baselines.lanes import FASTAPI_ONNX, NGINX
from bench.record.micro_record import Record, middle
from bench.record.targets import BOUND_CONNECTIONS, bound
from bench.report.table import columns

_RATIOS = ("x fastapi", "by CPU", "x nginx", "by CPU")
_HEAD = [
    "conns",
    "server",
    "req/s",
    "p50 us",
    "p99 us",
    "CPU us",
    "busy",
    "batch",
    "x fastapi",
    "by CPU",
    "x nginx",
    "by CPU",
]


def render(record: Record) -> str:
    """The whole table."""
    parts = [_section(record, name) for name in record.titles]
    return "\n\n".join(
        part for part in [*parts, _bare(record), _bound(record), _targets(record), _notes(record)] if part
    )


def _section(record: Record, section: str) -> str:
    turns = [turn for turn in record.turns if turn.section == section]
    if not turns:
        return ""
    rows: list[list[str]] = []
    for connections in sorted({turn.connections for turn in turns}):
        shown = str(connections)
        for lane in dict.fromkeys(turn.lane for turn in turns if turn.connections == connections):
            rows.append([shown, lane, *_figures(record, section, lane, connections)])
            shown = ""
    rounds = max(turn.round for turn in turns)
    title = f"{record.titles[section]} (median of {rounds})"
    return f"{title}\n{columns(_without_empty([_HEAD, *rows]), left={1})}"


def _without_empty(rows: list[list[str]]) -> list[list[str]]:
    """The table without columns that say nothing in any row."""
    kept = [at for at in range(len(rows[0])) if any(row[at] not in ("", "-") for row in rows[1:])]
    return [[row[at] for at in kept] for row in rows]


def _figures(record: Record, section: str, lane: str, connections: int) -> list[str]:
    def middle(figure: str) -> float | None:
        return record.middle(section, lane, connections, figure)

    return [
        _count(middle("rate")),
        _us(middle("p50_us")),
        _us(middle("p99_us")),
        _us(middle("cpu_us")),
        "-" if (busy := middle("busy")) is None else f"{busy:.0%}",
        "-" if (batch := middle("batch_rows")) is None else f"{batch:.1f}",
        *(_ratios(record, section, lane, connections)),
    ]


def _ratios(record: Record, section: str, lane: str, connections: int) -> Iterator[str]:
    for other in (FASTAPI_ONNX, NGINX):
        yield _times(record.ratio(section, connections, lane, other, "rate"))
        yield _times(record.ratio(section, connections, other, lane, "cpu_us"))


def _bare(record: Record) -> str:
    if not record.bare:
        return ""
    counts = list(dict.fromkeys(count for bare in record.bare.values() for count in bare.run_us))
    head = ["", *(f"run {count:,}" for count in counts), "decode", "encode"]
    rows = [
        [
            name,
            *(_us(bare.run_us.get(count)) for count in counts),
            _us(bare.decode_us),
            _us(bare.encode_us),
        ]
        for name, bare in record.bare.items()
    ]
    title = "Bare costs, us of processor time: session.run of so many rows, the JSON of one request"
    return f"{title}\n{columns([head, *rows])}"


def _bound(record: Record) -> str:
    found = bound(record)
    if found is None:
        return ""
    head = ["", "front", "run a row", "bound", "measured", "reached"]
    measured, front, by_cpu = found.measured, found.front, found.by_cpu
    rows = [head, _bound_row("wall", front.wall, found.run, measured.wall, found.by_wall)]
    if front.cpu is not None and measured.cpu is not None and by_cpu is not None:
        rows.append(_bound_row("CPU", front.cpu, found.run, measured.cpu, by_cpu))
    title = (
        f"The forest against its bound, us a request, {BOUND_CONNECTIONS} connections, "
        f"{found.batch_rows:.1f} rows a run\n(front: what iris costs there without its runs, and the longer body)"
    )
    return f"{title}\n{columns(rows)}"


def _bound_row(name: str, front: float, run: float, measured: float, reached: float) -> list[str]:
    return [name, _us(front), _us(run), _us(front + run), _us(measured), f"{reached:.0%}"]


def _targets(record: Record) -> str:
    if not record.targets:
        return ""
    rows = [["target", "", "measured", "by CPU", ""]]
    for target in record.targets:
        verdict = {None: "not measured", True: "reached", False: "NOT reached"}[target.reached]
        goal = f"{'at least' if target.at_least else 'at most'} {target.goal:g}x"
        rows.append([target.what, goal, _times(target.measured), _times(target.by_cpu), verdict])
    return columns(rows, left={0, 1, 4})


def _notes(record: Record) -> str:
    lines = list(record.notes)
    checked = sum(turn.checked for turn in record.turns)
    if record.turns:
        lines.append(f"{checked:,} answers compared with the right ones under load, every status counted by wrk")
    if record.faults:
        counts = "; ".join(f"{name} x{number}" for name, number in record.faults.items())
        lines.append(f"FAULTS: {counts}. These figures are no measurement.")
    others = middle(turn.others for turn in record.turns)
    if others is not None and others > _QUIET:
        lines.append(
            f"other processes took {others:.0%} of the server's core: rates and latencies are theirs too, CPU less"
        )
    if record.interrupted:
        lines.append("interrupted: this is what was measured until then")
    return "\n".join(f"* {line}" for line in lines)


_QUIET = 0.05


def _count(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _us(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _times(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}x"
