"""Owns report.html: one file that needs no network, verdict first. Knows nothing of how it was measured."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

from bench.record.findings import CODES, OURS, Standing, errors_of, place, standings, verdict, warnings, why
from bench.record.results import DIRECT, ROUTED, Results, Turn
from bench.report import pictures
from bench.report import scenario_charts as scenes

_CSS = Path(__file__).with_name("report.css")
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{css}</style>
<main>
{body}
</main>
</html>
"""


def write(results: Results, folder: Path) -> Path:
    """Write report.html into ``folder``; its path."""
    file = folder / "report.html"
    file.write_text(page(results), "utf-8")
    return file


def page(results: Results) -> str:
    """The whole document."""
    parts = [section(results) for section in _SECTIONS]
    body = "\n".join(part for part in parts if part)
    return _PAGE.format(title=f"dynonnx: {place(results)}", css=_CSS.read_text("utf-8"), body=body)


def _top(results: Results) -> str:
    facts = [
        "<b>dynonnx</b> bench",
        f"model {escape(str(results.settings.get('model', '')))}",
        escape(results.started.replace("T", " ").replace("+00:00", " UTC")),
        escape(str(results.machine.get("processor", ""))),
    ]
    first, *rest = verdict(results)
    return (
        f'<div class="over">{"".join(f"<span>{fact}</span>" for fact in facts)}</div>'
        f"{''.join(f'<p class=warn>{sentence}</p>' for sentence in warnings(results))}<h1>{_stressed(first, 'em')}</h1>"
        f'<p class="lead">{_stressed(" ".join(rest), "strong")}</p>'
    )


def _cards(results: Results) -> str:
    cards = "".join(_card(results, each) for each in standings(results) if each.requests)
    return f'<div class="grid">{cards}</div>' if cards else ""


def _card(results: Results, each: Standing) -> str:
    sign = "≥ " if each.at_least else ""
    goal = results.settings.get("goal_ms", 0)
    big = f"{sign}{each.held or 0:,.0f} <small>predictions/s held</small>"
    if each.held is None and each.lost is not None:
        big = f"&lt; {each.lost:,.0f} <small>predictions/s held</small>"
    elif each.held is None:
        big = f"{each.right:,} <small>right answers of {each.requests:,}</small>"
    started_here = "url" not in results.settings
    at = f" at {each.steady_rate:,.0f}/s" if each.steady_rate else ""
    rows = [
        (f"median{at}", pictures.ms(each.p50_ms)),
        (f"p99{at}", pictures.ms(each.p99_ms)),
        ("the server's own part of the median", pictures.ms(each.server_p50_ms)),
        ("peak, closed loop (wrk)", f"{each.peak:,.0f}/s" if each.peak else pictures.NOTHING),
        ("memory", f"{each.memory_mb:,.0f} MB" if each.memory_mb else pictures.NOTHING),
        ("start to first answer", f"{each.start_s:.1f} s" if each.start_s and started_here else pictures.NOTHING),
        ("wrong answers", _count(each.wrong, each.right + each.wrong)),
    ]
    known = [(name, value) for name, value in rows if value != pictures.NOTHING]
    lines = "".join(f"<dt>{escape(name)}</dt><dd>{value}</dd>" for name, value in known)
    first = " first" if each.name == OURS else ""
    return (
        f'<div class="card{first}" style="--c:{pictures.colour(each.name)}" title="held: p99 under {goal:g} ms">'
        f'<div class="who">{escape(each.name)}</div><p class="big">{big}</p><dl>{lines}</dl></div>'
    )


def _count(wrong: int, answers: int) -> str:
    kind = "bad" if wrong else "good"
    return f'<span class="{kind}">{wrong:,}</span> of {answers:,}'


def _pictures(results: Results) -> str:
    bars = [picture for draw in pictures.BARS if (picture := draw(results)) is not None]
    curves = [picture for draw in (*pictures.CURVES, *scenes.SCENES) if (picture := draw(results)) is not None]
    if not bars and not curves:
        return ""
    lead = "<h2>In pictures</h2><p>Latency counts from the moment a request was due.</p>"
    return f'{lead}<div class="grid">{_hung(bars)}</div><div class="grid wide">{_hung(curves)}</div>'


def _hung(drawn: Sequence[pictures.Picture]) -> str:
    return "".join(
        f'<div class="card"><h3>{escape(each.title)}</h3><p>{escape(each.text)}</p>{each.body}</div>' for each in drawn
    )


def _numbers(results: Results) -> str:
    if not results.turns:
        return ""
    head = ["scenario", "server", "asked/s", "right/s", "p50", "p95", "p99", "p99.9", "max", "failed"]
    head += ["CPU", "rows/run", "throttled"]
    routed = any(turn.way == ROUTED for turn in results.turns)
    rows = "".join(_number_row(turn, routed=routed) for turn in results.turns)
    cells = "".join(f"<th{' class=text' if at < 2 else ''}>{name}</th>" for at, name in enumerate(head))
    return (
        "<h2>The numbers</h2><p>Every turn in the order in which it was driven; latencies in milliseconds.</p>"
        f'<div class="card scroll"><table><tr>{cells}</tr>{rows}</table></div>'
        f"{_knees(results)}{_codes(results)}{_errors(results)}"
    )


def _number_row(turn: Turn, *, routed: bool) -> str:
    figures = turn.figures
    cuts = (figures.p50_ms, figures.p95_ms, figures.p99_ms, figures.p999_ms, figures.max_ms)
    cells = [
        f'<td class="text">{escape(_named(turn, routed))}</td><td class="text">{escape(turn.system)}</td>',
        f"<td>{figures.asked_rate:,.0f}</td><td>{figures.rate:,.0f}</td>",
        *(f"<td>{_plain(cut)}</td>" for cut in cuts),
        f"<td{' class=bad' if figures.failed else ''}>{figures.failed:,}</td>",
        f"<td>{_part(turn.cpu_part)}</td><td>{_plain(turn.batch_rows)}</td>",
        f"<td>{_seconds(turn.throttled_s)}</td>",
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _named(turn: Turn, routed: bool) -> str:
    """The scenario, and where a turn left out the router that others passed."""
    return f"{turn.scenario}, past the router" if routed and turn.way == DIRECT else turn.scenario


def _knees(results: Results) -> str:
    if not results.knees:
        return ""
    rows = "".join(
        f'<tr><td class="text">{escape(knee.system)}</td><td>{_whole(knee.held)}</td><td>{_whole(knee.lost)}</td>'
        f'<td class="text long">{escape(why(knee))}</td></tr>'
        for knee in results.knees
    )
    head = '<tr><th>server</th><th>held/s</th><th>lost at/s</th><th class="text">because</th></tr>'
    return f'<h2>Where each one ends</h2><p></p><div class="card scroll"><table>{head}{rows}</table></div>'


def _codes(results: Results) -> str:
    """What Heroku would have logged; a run that could count it and met none says so."""
    if not results.codes:
        return ""
    rows = "".join(
        f'<tr><td class="text">{escape(name)}</td><td class="text">{escape(code)}</td>'
        f'<td class="text long">{escape(CODES.get(code, ""))}</td><td class="bad">{number:,}</td></tr>'
        for name, codes in results.codes.items()
        for code, number in sorted(codes.items())
    )
    lead = "<h2>What Heroku would have logged</h2>"
    if not rows:
        return f"{lead}<p>No H-code of the router, no R-code of a dyno, in any turn.</p>"
    head = '<tr><th>server</th><th class="text">code</th><th class="text">meaning</th><th>times</th></tr>'
    return f'{lead}<p></p><div class="card scroll"><table>{head}{rows}</table></div>'


def _errors(results: Results) -> str:
    names = [(name, errors_of(turn for turn in results.turns if turn.system == name)) for name in results.systems]
    rows = "".join(
        f'<tr><td class="text">{escape(system)}</td><td class="text">{escape(error)}</td>'
        f'<td class="bad">{number:,}</td></tr>'
        for system, errors in names
        for error, number in errors.most_common()
    )
    if not rows:
        return ""
    head = '<tr><th>server</th><th class="text">what went wrong</th><th>times</th></tr>'
    return f'<h2>Errors</h2><p></p><div class="card scroll"><table>{head}{rows}</table></div>'


def _how(results: Results) -> str:
    limits = [
        f"{turn.scenario}, {turn.system} at {turn.figures.asked_rate:,.0f}/s: {turn.figures.limit}"
        for turn in results.turns
        if turn.figures.limit is not None
    ]
    machine = ", ".join(str(value) for value in results.machine.values())
    lines = [*_METHOD, f"Machine: {machine}.", *results.notes]
    items = "".join(f"<li>{escape(line)}</li>" for line in lines) + _folded(limits)
    command = f"<p>Again: <code>{escape(results.command)}</code></p>"
    return f'<h2>How this was measured</h2><p></p><div class="card"><ul class="how">{items}</ul>{command}</div>'


def _folded(limits: Sequence[str]) -> str:
    """The turns that do not tell of the server, behind a line that can be opened."""
    if not limits:
        return ""
    items = "".join(f"<li>{escape(line)}</li>" for line in limits)
    few = f"{len(limits)} turns" if len(limits) > 1 else "One turn"
    return f"<li><details><summary>{few} marked: not a limit of the server</summary><ul>{items}</ul></details></li>"


_METHOD = (
    "Requests are due at Poisson arrivals of a constant mean rate, the same ones for every server; nobody waits for an "
    "earlier answer (open loop), so a server that stalls shows it to everyone who was due meanwhile.",
    "Every answer is compared with what the pickle itself gives: numbers to 1e-5, labels with their type.",
    "Held means: nothing failed, p99 within the goal, and at least 97 % answered in time.",
    "Turns of the servers are interleaved, so that noise of the machine hits all alike.",
    "Memory is PSS summed over the process tree: pages that workers share count once. MB are 10^6 bytes.",
)


def _stressed(text: str, tag: str) -> str:
    """The figures of a sentence set off; everything else escaped."""
    return re.sub(r"\b(\d[\d,.]*\d|\d)( (?:predictions/s|times|ms|MB))", rf"<{tag}>\1\2</{tag}>", escape(text))


def _plain(value: float | None) -> str:
    if value is None:
        return pictures.NOTHING
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def _seconds(value: float | None) -> str:
    return pictures.NOTHING if value is None else f"{value:.2f} s"


def _part(value: float | None) -> str:
    return pictures.NOTHING if value is None else f"{value:.0%}"


def _whole(value: float | None) -> str:
    return pictures.NOTHING if value is None else f"{value:,.0f}"


_SECTIONS: tuple[Callable[[Results], str], ...] = (_top, _cards, _pictures, _numbers, _how)
