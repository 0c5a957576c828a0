"""Owns ``cache``: questions that come again by Zipf's law, to cheap and dear models, with answers kept and without.

Closed loops. Each skew has questions of its own, so that no turn lives on what another has left. What it costs that no
question comes again is a hundredth, less than two starts of one server differ by: there both servers are asked at the
same time, and started anew several times.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import orjson

from bench.baselines.serving import Running, serving
from bench.baselines.systems import System, dynonnx, repository_of
from bench.load import wrk
from bench.load.cases import Case
from bench.load.client import Address, Connection
from bench.load.models import ModelUnderTest, forest
from bench.load.texts import shuffled, text_cases, text_model
from bench.record.caches import (
    ALONE,
    CONNECTIONS,
    HIT_SHARES,
    KEPT,
    MADE,
    UNHEARD,
    cost_by_cpu,
    gained,
    gained_by_cpu,
    scenario_of,
)
from bench.record.results import Results, Target
from bench.turns.bench import Bench
from bench.turns.closed_loop import closed_loop, side_by_side
from bench.turns.deploy import convert

SKEWS = (0.6, 0.8, 1.0, 1.2)
TEXT_SKEWS = (1.0,)
QUESTIONS, TEXTS = 20_000, 5_000  # that there are; of texts fewer, as one is as long as ten others
KEPT_BYTES = 16_000_000  # room for all of them as iris asks them
DEAR_KEPT_BYTES = 64_000_000  # for all that come more than once: a run that is spared is worth its room
CHECKED = 50  # questions whose answers are compared with the right ones
WARM_UP_S, MOST_WARM_UPS, ROUNDS = 5.0, 8, 2
STARTS, TURNS_A_START = 5, 2  # of both servers at the same time
SETTLED = 0.03  # by how much the part of hits may still grow from one warm-up to the next
_CONVERT_LIMIT_S = 300.0
DEAR_GAIN, HIT_GAIN, MOST_MISS = 3.0, 1.15, 1.02
TEXT = "text"
_LOOKED = {
    what: re.compile(rb"(?m)^nv_cache_num_%b_per_model\{[^}]*\} ([0-9.e+]+)" % what) for what in (b"hits", b"misses")
}


def cache(bench: Bench, cheap: ModelUnderTest, seconds: float) -> None:
    """All skews; then, to the cheap model, one question alone, and none twice. The notes say it too."""
    if wrk.executable() is None:
        bench.results.notes.append(wrk.MISSING)
        return
    dear, text = forest(bench.folder / "made"), _text(bench)
    for model, skews in ((cheap, SKEWS), (dear, SKEWS), (text, TEXT_SKEWS)):
        with _both(bench, model, KEPT_BYTES if model is cheap else DEAR_KEPT_BYTES) as running:
            for number, skew in enumerate(skews):
                _turns(bench, running, model, questions(model, number), skew, seconds)
            if model is cheap:
                _turns(bench, running, model, model.dynonnx_cases[:1], ALONE, seconds)
    _unheard_turns(bench, cheap, seconds)
    bench.results.targets += targets(bench.results, cheap.name, (dear.name, text.name))


def questions(model: ModelUnderTest, seed: int = 0, count: int = QUESTIONS) -> list[Case]:
    """Questions as the model's own rows are; the first have answers to compare with, the others differ by seed."""
    known = model.dynonnx_cases[:CHECKED]
    rows = np.array([orjson.loads(case.body)["features"] for case in model.cases])
    chance = np.random.default_rng(seed)
    if rows.dtype.kind == "U":
        texts = shuffled(rows[:, 0].tolist(), TEXTS - len(known), chance)
        return [*known, *(Case("/predict", orjson.dumps({"features": [text]}), {}) for text in texts)]
    drawn = chance.choice(rows, count - len(known)) + chance.normal(scale=0.1, size=(1, rows.shape[1]))
    drawn = np.round(drawn + chance.normal(scale=0.1, size=drawn.shape), 4)
    return [*known, *(Case("/predict", orjson.dumps({"features": row}), {}) for row in drawn.tolist())]


def _text(bench: Bench) -> ModelUnderTest:
    bench.say("cache: a text model is made and converted")
    model, documents = text_model()
    artefact = convert(bench, model, TEXT, _CONVERT_LIMIT_S) / "model.onnx"
    title = "TF-IDF of 30,000 words, 20 topics; documents of 200 words"
    return ModelUnderTest(TEXT, title, bench.folder / f"{TEXT}.pkl", artefact, text_cases(model, documents))


@contextmanager
def _both(bench: Bench, model: ModelUnderTest, kept_bytes: int) -> Iterator[dict[str, Running]]:
    """The same server twice: without a cache, and with one of so many bytes."""
    folder = bench.folder / f"cache-{model.name}"
    plain = dynonnx(repository_of([model], folder), model.name)
    with ExitStack() as stack:
        running: dict[str, Running] = {}
        for name, bytes_kept in ((MADE, 0), (KEPT, kept_bytes)):
            bench.say(f"cache: starting {model.name}, {name}")
            system = _keeping(replace(plain, name=name), bytes_kept)
            server = serving(system, model.dynonnx_cases[0], folder, bench.generator.cores.server)
            running[name] = stack.enter_context(server)
        yield running


def _turns(
    bench: Bench,
    running: Mapping[str, Running],
    model: ModelUnderTest,
    cases: Sequence[Case],
    asked: float | str,
    seconds: float,
) -> None:
    """Turns on both servers, one after the other, once they have met these questions."""
    scenario = scenario_of(model.name, asked)
    skew = None if isinstance(asked, str) else asked
    bench.say(scenario, 3 * WARM_UP_S + ROUNDS * 2 * seconds)
    for name, each in running.items():
        wrk.write_script(cases, script := bench.folder / f"{scenario}-{name}.lua", skew)
        _warm(bench, each, script)
    before = looked(running[KEPT])
    checked = model.dynonnx_cases[: min(CHECKED, len(cases))]
    for number, (name, each) in product(range(1, ROUNDS + 1), running.items()):
        closed_loop(bench, each, scenario, name, checked, CONNECTIONS, seconds, number)
    share = hit_share(before, looked(running[KEPT]))
    bench.results.settings.setdefault(HIT_SHARES, {})[scenario] = share
    by_rate, by_cpu = gained(bench.results, scenario), gained_by_cpu(bench.results, scenario)
    kept_us, made_us = (bench.results.middle(scenario, name, CONNECTIONS, "cpu_us") or 0.0 for name in (KEPT, MADE))
    gains = f"{by_rate or 0.0:.2f} times the rate, {by_cpu or 0.0:.2f} by processor time"
    gains += f" ({kept_us:,.0f} us a request instead of {made_us:,.0f})"
    bench.results.notes.append(f"{scenario}: {share:.1%} hits, {gains}")


def _unheard_turns(bench: Bench, model: ModelUnderTest, seconds: float) -> None:
    """Both servers asked at the same time what nobody has asked before, after each of several starts."""
    scenario = scenario_of(model.name, UNHEARD)
    for start in range(STARTS):
        with _both(bench, model, KEPT_BYTES) as running:
            bench.say(f"{scenario}, start {start + 1} of {STARTS}", (1 + TURNS_A_START) * seconds)
            for name, each in running.items():
                wrk.write_script([unheard(model)], script := bench.folder / f"{scenario}-{name}.lua", unheard=True)
                _ask(bench, each, script)
            for turn in range(TURNS_A_START):
                number = start * TURNS_A_START + turn + 1
                side_by_side(bench, running, scenario, model.dynonnx_cases[:CHECKED], CONNECTIONS, seconds, number)
    cost = cost_by_cpu(bench.results, scenario)
    if cost is not None:
        bench.results.notes.append(f"{scenario}: {cost:.3f} times the processor time of no cache, both asked at once")


def unheard(model: ModelUnderTest) -> Case:
    """A question that wrk makes another one each time it asks: two numbers of a row end in digits to count in."""
    row = [str(value) for value in orjson.loads(model.cases[0].body)["features"]]
    for at in range(2):
        row[at] = f"{int(float(row[at]))}.{wrk.COUNTED.decode()}"
    return Case("/predict", f'{{"features":[{",".join(row)}]}}'.encode(), {})


def _keeping(system: System, bytes_kept: int) -> System:
    return replace(system, environment={**system.environment, "DYNONNX_CACHE_BYTES": str(bytes_kept)})


def _warm(bench: Bench, running: Running, script: Path) -> None:
    """Asks until the part of hits has settled: a dear model meets all its questions later than a cheap one."""
    share = -1.0
    for _ in range(MOST_WARM_UPS):
        before = looked(running)
        _ask(bench, running, script)
        last, share = share, hit_share(before, looked(running))
        if share - last < SETTLED:
            return


def _ask(bench: Bench, running: Running, script: Path) -> None:
    wrk.run(script, running.url, CONNECTIONS, bench.generator.cores.generator, lambda: time.sleep(WARM_UP_S))


def looked(running: Running) -> tuple[float, float]:
    """Hits and misses so far."""
    address = Address.parse(running.url)
    with Connection(address, timeout_s=5.0) as connection:
        text = connection.exchange(address.request("GET", "/metrics")).body
    hits, misses = (sum(map(float, looked_for.findall(text))) for looked_for in _LOOKED.values())
    return hits, misses


def hit_share(before: tuple[float, float], after: tuple[float, float]) -> float:
    """The part of the questions between two looks that were hits; 0 where none was looked for."""
    hits, misses = after[0] - before[0], after[1] - before[1]
    return hits / (hits + misses) if hits + misses else 0.0


def targets(results: Results, cheap: str, dear: Sequence[str]) -> list[Target]:
    """What the cache is to bring, beside what it brought."""
    asked = (
        *((f"{name}, skew 1", scenario_of(name, 1.0), DEAR_GAIN) for name in dear),
        (f"{cheap}, all hits", scenario_of(cheap, ALONE), HIT_GAIN),
    )
    more = [
        Target(f"{what}: requests/s against no cache", goal, True, gained(results, name), gained_by_cpu(results, name))
        for what, name, goal in asked
    ]
    what = f"{cheap}, no hits: processor time of a request against no cache"
    return [*more, Target(what, MOST_MISS, False, cost_by_cpu(results, scenario_of(cheap, UNHEARD)))]
