"""Owns what a run comes to: each system's standing, the verdict in words. Pure; knows nothing of HTML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from bench.record.results import DIRECT, OURS, ROUTED, Results, middle

_NOISY_PART = 1 / 3
_ALIKE_PART = 0.03


class Standing:
    """One system over the whole run; None for what was not measured. Latencies at the steady rate, in ms."""

    def __init__(self, results: Results, name: str) -> None:
        turns, knee = results.turns_of(name), results.knee_of(name)
        steady = [turn.figures for turn in results.turns_of(name, "steady")]
        throttled = [turn.throttled_s for turn in turns if turn.throttled_s is not None]
        self.name = name
        self.held = knee.held if knee else None
        self.lost = knee.lost if knee else None  # the lowest rate that it did not hold
        self.at_least = bool(knee and knee.generator_bound)  # the generator, not the server, ended the climb
        self.peak = results.peak_rate(name)
        self.steady_rate = steady[0].asked_rate if steady else None
        self.p50_ms = middle(figures.p50_ms for figures in steady)
        self.p99_ms = middle(figures.p99_ms for figures in steady)
        self.server_p50_ms = middle(figures.server_p50_ms for figures in steady)  # its own part, where it tells
        self.memory_mb = max((turn.memory_mb for turn in turns if turn.memory_mb is not None), default=None)
        self.start_s = results.start_s.get(name)
        self.throttled_s = sum(throttled) if throttled else None
        self.requests = sum(turn.figures.requests for turn in turns)
        self.errors = sum((Counter(turn.figures.errors) for turn in turns), Counter[str]())
        self.right = self.requests - self.errors.total()
        self.wrong = sum(number for error, number in self.errors.items() if error.startswith("wrong answer"))


def standings(results: Results) -> list[Standing]:
    """Every system's, in the order in which they were started."""
    return [Standing(results, name) for name in results.systems]


def missed_goals(results: Results, p99_ms: float | None, held: float | None) -> list[str]:
    """Which of the goals given for dynonnx the run did not meet; a goal that was not measured is not met."""
    ours = next((standing for standing in standings(results) if standing.name == OURS), None)
    measured_p99, measured_held = (ours.p99_ms, ours.held) if ours else (None, None)
    missed = []
    if p99_ms is not None and (measured_p99 is None or measured_p99 > p99_ms):
        measured = "not measured" if measured_p99 is None else f"{measured_p99:.1f} ms"
        missed.append(f"p99 at the steady rate: {measured}, asked for at most {p99_ms:g} ms")
    if held is not None and (measured_held or 0.0) < held:
        measured = "not measured" if measured_held is None else f"{measured_held:,.0f}/s"
        missed.append(f"rate held: {measured}, asked for at least {held:,.0f}/s")
    failed = sum(turn.figures.failed for turn in results.turns_of(OURS, "steady"))
    if failed and (p99_ms is not None or held is not None):
        missed.append(f"{failed} requests failed at the steady rate")
    return missed


def verdict(results: Results) -> list[str]:
    """Sentences, the most important first; the first one can stand alone."""
    by_name = {standing.name: standing for standing in standings(results)}
    ours = by_name.get(OURS) or max(by_name.values(), key=lambda standing: standing.held or 0.0, default=None)
    if results.wrong:
        return [f"{results.wrong:,} answers were wrong: these figures are no measurement."]
    if results.targets:
        return _reached(results)
    if ours is None or not ours.requests:
        return ["Nothing was measured."]
    sentences = [_holds(results, ours)] if ours.held else [_answers(ours)]
    if ours.held:
        sentences += [_against(ours, other) for other in by_name.values() if other.name != ours.name]
    return [*sentences, *_details(results, ours), f"All of its {ours.right:,} answers were checked and right."]


def warnings(results: Results) -> list[str]:
    """What a reader must know before the verdict."""
    lines = []
    if results.wrong:
        lines.append("Wrong answers were given. Speed figures of a server that answers wrongly mean nothing.")
    elif results.faults:
        lines.append("Closed loops met errors (below): their figures are no measurement.")
    if results.interrupted:
        lines.append("The run was interrupted: this is what was measured until then.")
    late = sum(turn.figures.limit is not None for turn in results.turns)
    if late > len(results.turns) * _NOISY_PART:
        lines.append(
            f"In {late} of {len(results.turns)} turns the machine had other work, or the load generator was late or at "
            "its limit. Latencies are rough, and rates are lower bounds."
        )
    return lines


def _reached(results: Results) -> list[str]:
    """What a run of ``micro`` comes to."""
    reached = sum(target.reached is True for target in results.targets)
    checked = sum(peak.checked for peak in results.peaks)
    first = f"{reached} of {len(results.targets)} targets were reached."
    return [first, f"{checked:,} answers were compared with the right ones under load."]


def _holds(results: Results, ours: Standing) -> str:
    least = "at least " if ours.at_least else ""
    goal = results.settings.get("goal_ms", 0)
    who = "" if ours.name == OURS else f" with {ours.name}"
    verb = "hold" if results.settings.get("dynos", 1) > 1 else "holds"
    return f"{place(results)}{who} {verb} {least}{ours.held:,.0f} predictions/s with p99 under {goal:g} ms."


def _answers(ours: Standing) -> str:
    if ours.p50_ms is None or ours.p99_ms is None:
        return f"{ours.name} gave {ours.right:,} right answers to {ours.requests:,} requests."
    half = f"half the answers came within {ours.p50_ms:.2f} ms and 99 % within {ours.p99_ms:.1f} ms"
    return f"At {ours.steady_rate:,.0f}/s, {half}."


def _against(ours: Standing, other: Standing) -> str:
    if ours.held and other.lost and not other.held:
        most = f"less than {other.lost:,.0f}/s"
        return f"That is more than {times(ours.held / other.lost)} what {other.name} holds ({most})."
    if not ours.held or not other.held:
        return f"How much {other.name} holds was not found out."
    if abs(ours.held / other.held - 1.0) < _ALIKE_PART:
        return f"As much as {other.name}: {other.held:,.0f}/s."
    least = "at least " if ours.at_least and not other.at_least else ""
    return f"That is {least}{times(ours.held / other.held)} what {other.name} holds ({other.held:,.0f}/s)."


def _details(results: Results, ours: Standing) -> Iterator[str]:
    """Memory; how the time divides, where the server says how long it took; which way the highest rate went."""
    quota, knee = results.settings.get("memory_mib"), results.knee_of(ours.name)
    if ours.memory_mb is not None:
        subject = "It" if results.settings.get("dynos", 1) == 1 else "A dyno"
        yield f"{subject} takes {ours.memory_mb:,.0f} MB" + (f" of {quota:,} MB." if quota else " of memory.")
    if ours.server_p50_ms is not None and ours.p50_ms is not None:
        own, rest = f"{ours.server_p50_ms:.1f} ms were the server's own", max(0.0, ours.p50_ms - ours.server_p50_ms)
        yield f"Of the median {ours.p50_ms:.1f} ms, {own}; {rest:.1f} ms the way."
    if results.settings.get("router") and knee is not None and knee.way == DIRECT:
        through = [turn.figures.asked_rate for turn in results.turns_of(ours.name, "steps") if turn.way == ROUTED]
        yield f"From {max(through, default=0.0):,.0f}/s on it was asked past the stand-in router, which is slower."


def place(results: Results) -> str:
    """Where it ran, as the subject of a sentence."""
    if "url" in results.settings:
        return f"{results.settings['url']}"
    size = results.settings.get("size")
    if size is None:
        return "One core of this machine"
    words = [word.upper() if word in ("1x", "2x", "xl", "2xl") else word.capitalize() for word in size.split("-")]
    name, cores = "-".join(words), results.settings.get("cores", 1.0)
    dynos = results.settings.get("dynos", 1)
    share = f" with {cores:g} of a core" if cores != 1 else ""
    return f"A {name} dyno{share}" if dynos == 1 else f"{dynos} {name} dynos{share} each"


def times(ratio: float) -> str:
    """A ratio in words: 5.6 times, 23 times."""
    return f"{ratio:.1f} times" if ratio < 10 else f"{ratio:,.0f} times"
