"""Owns what a run comes to: each system's standing, which goals it missed. Pure; knows nothing of how it is shown."""

from __future__ import annotations

from collections import Counter

from bench.record.results import OURS, Results, middle


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
