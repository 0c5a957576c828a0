"""Owns the tables of a run, as text for a terminal and as rows for the page. Pure: knows nothing of measuring."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from bench.record.results import DIRECT, ROUTED, Results, Turn, middle
from bench.record.targets import BARE_RUN, BOUND_CONNECTIONS, FASTAPI_ONNX, NGINX, bound

DASH = "-"  # for what was not measured
_PART, _TIMES = "{:.0%}", "{:.2f}x"
_MOST_LIMITS = 5
_QUIET_PART = 0.05  # of the server's core, that others may take unsaid
_STEADY = ["", "rate/s", "p50 ms", "p95 ms", "p99 ms", "max ms", "errors", "CPU", "memory MB"]
_TURNS = ["scenario", "server", "asked/s", "right/s", "p50", "p95", "p99", "p99.9", "max", "failed"]
_TURNS += ["CPU", "rows/run", "throttled"]
_PEAKS = ["conns", "server", "req/s", "p50 us", "p99 us", "CPU us", "busy", "batch"]


@dataclass(frozen=True, slots=True)
class Table:
    """Cells by row, the first row being the head; the columns in ``left`` are words."""

    title: str
    rows: Sequence[Sequence[str]]
    left: frozenset[int] = field(default=frozenset({0}))


def render(results: Results) -> str:
    """The whole run for a terminal."""
    parts = [f"{table.title}\n{columns(table.rows, table.left)}".lstrip("\n") for table in tables(results)]
    notes = "\n".join(f"* {line}" for line in _notes(results))
    return "\n\n".join([*parts, notes] if notes else parts)


def tables(results: Results) -> list[Table]:
    """All tables of a run that have something to say."""
    return [table for make in _TABLES for table in make(results) if len(table.rows) > 1]


def columns(rows: Sequence[Sequence[str]], left: frozenset[int] | set[int] = frozenset({0})) -> str:
    """Rows of cells as aligned text; columns in ``left`` are aligned left, the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if at in left else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def number(value: float | None) -> str:
    """Two digits behind the point for what is below 100."""
    return DASH if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def shown(value: float | None, pattern: str = "{:,.0f}") -> str:
    """A figure, by default without digits behind the point; a dash for what was not measured."""
    return DASH if value is None else pattern.format(value)


def _us(value: float | None) -> str:
    return DASH if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _steady(results: Results) -> Iterator[Table]:
    turns = [turn for turn in results.turns if turn.scenario == "steady"]
    if not turns:
        return
    title = f"Steady {turns[0].figures.asked_rate:,.0f} requests/s, {turns[0].figures.seconds:g} s a turn"
    rows = [_steady_row(name, own) for name in results.systems if (own := results.turns_of(name, "steady"))]
    yield Table(f"{title}; latency from when a request was due", [_STEADY, *rows])


def _steady_row(name: str, turns: Sequence[Turn]) -> list[str]:
    """The median over rounds; errors are added up, the maximum is the maximum."""
    figures = [turn.figures for turn in turns]
    cuts = [middle(getattr(each, cut) for each in figures) for cut in ("p50_ms", "p95_ms", "p99_ms")]
    longest = max((each.max_ms for each in figures if each.max_ms is not None), default=None)
    memory = max((turn.memory_mb for turn in turns if turn.memory_mb is not None), default=None)
    rate, cpu = middle(each.rate for each in figures), middle(turn.cpu_part for turn in turns)
    failed = sum(each.failed for each in figures)
    return [name, shown(rate), *map(number, (*cuts, longest)), f"{failed:,}", shown(cpu, _PART), shown(memory)]


def _knees(results: Results) -> Iterator[Table]:
    peaks = {name: results.peak_rate(name) for name in results.systems}
    goal = results.settings.get("goal_ms", 0)
    rows = [["", f"holds/s (p99 <= {goal:g} ms)", "lost at/s", "because", "peak/s (wrk)", "start s"]]
    for name in results.systems if results.knees or any(peaks.values()) else ():
        knee = results.knee_of(name)
        held = f"{'>= ' if knee.generator_bound else ''}{knee.held:,.0f}" if knee and knee.held else DASH
        lost, why = (shown(knee.lost), knee.why or "") if knee else (DASH, "")
        rows.append([name, held, lost, why, shown(peaks[name]), f"{results.start_s[name]:.1f}"])
    yield Table("", rows, frozenset({0, 3}))


def _workers(results: Results) -> Iterator[Table]:
    """What another worker costs in memory, where the systems are numbers of workers."""
    rows, before = [["", "memory MB", "MB per further worker", "peak/s (wrk)"]], (0, 0.0)
    for name in results.systems if all("worker" in name for name in results.systems) else ():
        count = int(name.split()[0])
        memory = max((turn.memory_mb or 0.0 for turn in results.turns_of(name)), default=0.0)
        more = f"{(memory - before[1]) / (count - before[0]):.1f}" if before[0] else DASH
        rows.append([name, shown(memory), more, shown(results.peak_rate(name))])
        before = (count, memory)
    yield Table("", rows)


def _others(results: Results) -> Iterator[Table]:
    """Every turn of the scenarios that have no table of their own."""
    yield turn_table([turn for turn in results.turns if turn.scenario not in ("steady", "steps")])


def turn_table(turns: Sequence[Turn]) -> Table:
    """Turns in the order in which they were driven; latencies in milliseconds."""
    rows, routed = [_TURNS], any(turn.way == ROUTED for turn in turns)
    for turn in turns:
        figures, past = turn.figures, ", past the router" if routed and turn.way == DIRECT else ""
        cuts = (figures.p50_ms, figures.p95_ms, figures.p99_ms, figures.p999_ms, figures.max_ms)
        cells = [turn.scenario + past, turn.system, shown(figures.asked_rate), shown(figures.rate), *map(number, cuts)]
        cells += [f"{figures.failed:,}", shown(turn.cpu_part, _PART), number(turn.batch_rows)]
        rows.append([*cells, shown(turn.throttled_s, "{:.2f} s")])
    return Table("", rows, frozenset({0, 1}))


def _micro(results: Results) -> Iterator[Table]:
    """One table a scenario of ``micro``, with ratios to whom it has, without columns that say nothing."""
    for scenario, title in results.titles.items():
        peaks = [peak for peak in results.peaks if peak.scenario == scenario]
        if not peaks:
            continue
        compared = [name for name in (FASTAPI_ONNX, NGINX, BARE_RUN) if any(peak.system == name for peak in peaks)]
        heads = {FASTAPI_ONNX: "x fastapi", NGINX: "x nginx", BARE_RUN: "x bare"}
        rows = [[*_PEAKS, *(head for name in compared for head in (heads[name], "by CPU"))]]
        cells = dict.fromkeys((peak.connections, peak.system) for peak in peaks)
        for connections, system in sorted(cells, key=lambda cell: cell[0]):
            label = "" if any(row[0] == str(connections) for row in rows) else str(connections)
            rows.append([label, system, *_peak_cells(results, scenario, connections, system, compared)])
        columns_of_cells = enumerate(zip(*rows, strict=True))
        kept = [at for at, (_, *cells_below) in columns_of_cells if not {*cells_below} <= {"", DASH}]
        rounds = max(peak.round for peak in peaks)
        yield Table(f"{title} (median of {rounds})", [[row[at] for at in kept] for row in rows], frozenset({1}))


def _peak_cells(
    results: Results, scenario: str, connections: int, system: str, compared: Sequence[str]
) -> Iterator[str]:
    rate, p50, p99, cpu, busy, batch = (
        results.middle(scenario, system, connections, figure)
        for figure in ("rate", "p50_us", "p99_us", "cpu_us", "busy", "batch_rows")
    )
    yield from (shown(rate), _us(p50), _us(p99), _us(cpu), shown(busy, _PART), shown(batch, "{:.1f}"))
    for other in compared:
        yield shown(results.ratio(scenario, connections, system, other, "rate"), _TIMES)
        yield shown(results.ratio(scenario, connections, other, system, "cpu_us"), _TIMES)


def _bare(results: Results) -> Iterator[Table]:
    counts = list(dict.fromkeys(count for bare in results.bare.values() for count in bare.run_us))
    rows = [["", *(f"run {count:,}" for count in counts), "decode", "encode"]]
    for name, bare in results.bare.items():
        rows.append(
            [name, *(_us(bare.run_us.get(count)) for count in counts), _us(bare.decode_us), _us(bare.encode_us)]
        )
    yield Table("Bare costs, us of processor time: session.run of so many rows, the JSON of one request", rows)


def _bound(results: Results) -> Iterator[Table]:
    forest = bound(results)
    if forest is None:
        return
    rows = [["", "front", "run a row", "bound", "measured", "reached"]]
    for name, front, measured, reached in (
        ("wall", forest.front.wall, forest.measured.wall, forest.by_wall),
        ("CPU", forest.front.cpu, forest.measured.cpu, forest.by_cpu),
    ):
        if front is not None and reached is not None:
            cells = map(_us, (front, forest.run, front + forest.run, measured))
            rows.append([name, *cells, f"{reached:.0%}"])
    title = f"The forest against its bound, us a request, {BOUND_CONNECTIONS} connections, {forest.batch_rows:.1f} rows"
    yield Table(f"{title} a run\n(front: what iris costs there without its runs, and the longer body)", rows)


def _targets(results: Results) -> Iterator[Table]:
    rows = [["target", "", "measured", "by CPU", ""]]
    for target in results.targets:
        verdict = {None: "not measured", True: "reached", False: "NOT reached"}[target.reached]
        goal = f"{'at least' if target.at_least else 'at most'} {target.goal:g}x"
        rows.append([target.what, goal, shown(target.measured, _TIMES), shown(target.by_cpu, _TIMES), verdict])
    yield Table("", rows, frozenset({0, 1, 4}))


def limits(results: Results) -> list[str]:
    """The turns that do not tell of the server, and why."""
    return [f"{_named(turn)}: {turn.figures.limit}" for turn in results.turns if turn.figures.limit is not None]


def _notes(results: Results) -> Iterator[str]:
    yield from results.notes
    marked = [f"not the server, {limit}" for limit in limits(results)]
    yield from marked if len(marked) <= _MOST_LIMITS else marked[:_MOST_LIMITS]
    if len(marked) > _MOST_LIMITS:
        yield f"and so in {len(marked) - _MOST_LIMITS} more turns, named in the report"
    for name, counts in results.codes.items():
        if counts:
            yield f"Heroku would have logged of {name}: {_counted(counts)}"
    for turn in results.turns:
        figures = turn.figures
        if figures.server_p99_ms is not None and figures.server_p50_ms is not None:
            own = f"p50 {figures.server_p50_ms:.2f} ms, p99 {figures.server_p99_ms:.2f} ms"
            yield f"{turn.scenario} at {figures.asked_rate:,.0f}/s: the server's own part was {own}"
        if figures.failed:
            yield f"{_named(turn)}: {_counted(figures.errors)}"
    yield from _peak_notes(results)
    if results.wrong:
        yield f"WRONG ANSWERS: {results.wrong}. These figures are no measurement."
    if results.interrupted:
        yield "interrupted: this is what was measured until then"


def _peak_notes(results: Results) -> Iterator[str]:
    if results.peaks:
        checked = sum(peak.checked for peak in results.peaks)
        yield f"{checked:,} answers compared with the right ones in closed loops, every status counted by wrk"
    if results.faults:
        yield f"FAULTS: {_counted(results.faults, '; ')}. These figures are no measurement."
    others = middle(peak.others for peak in results.peaks)
    if others is not None and others > _QUIET_PART:
        yield f"other processes took {others:.0%} of the server's core: rates and latencies are theirs too, CPU less"


def _named(turn: Turn) -> str:
    return f"{turn.scenario} {turn.system} at {turn.figures.asked_rate:,.0f}/s"


def _counted(counts: dict[str, int], comma: str = ", ") -> str:
    return comma.join(f"{name} x{number}" for name, number in counts.items())


_Maker = Callable[[Results], Iterator[Table]]
_TABLES: tuple[_Maker, ...] = (_steady, _knees, _others, _workers, _micro, _bare, _bound, _targets)
