"""The command line: ``python -m bench quick``, ``python -m bench cases``. Knows nothing of how measuring is done."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from bench import cores, measure, results, table
from bench.cases import load_model, make_cases, write_cases
from bench.contenders import Running, all_serving, known
from bench.errors import BenchError
from bench.load import Generator
from bench.processes import end_all
from bench.rows import rows_for

QUICK_RATE = 500.0  # requests/s that even the slowest contender holds
QUICK_LADDER = (1000.0, 2000.0, 4000.0, 8000.0, 16000.0)
GOAL_MS = 50.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 measured, 1 something failed or an answer was wrong, 2 usage, 130 interrupted."""
    given = _parser().parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: a background job of a shell starts with it ignored
        signal.signal(number, _as_interrupt)
    try:
        status: int = given.run(given)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        end_all()
    return status


def quick(given: argparse.Namespace) -> int:
    """The three-minute form: one steady rate in rounds, a climb to the knee, peaks."""
    return _measure(given, "python -m bench quick", _quick_turns)


def cases(given: argparse.Namespace) -> int:
    """Write the cases file that ``locust -f bench/locustfile.py --cases`` reads."""
    pickle: Path = given.pickle
    made = make_cases(load_model(pickle), rows_for(given.model or pickle.stem), given.path, given.rows)
    write_cases(made, given.out)
    print(f"{len(made)} requests with their answers in {given.out}")
    return 0


def _measure(given: argparse.Namespace, command: str, turns: measure.Turns) -> int:
    folder = results.new_folder(given.results)
    generator = Generator(cores.split(cores.available()))
    settings = {"model": given.model, "goal_ms": GOAL_MS, "connections": generator.connections}
    record = results.new(command, settings)
    record.notes.append(generator.cores.said)
    contenders = known(given.model, given.pickles, given.models)
    chosen = [contenders[name] for name in given.contenders]
    made = make_cases(load_model(given.pickles / f"{given.model}.pkl"), rows_for(given.model))
    cases_file = folder / "cases.json"
    write_cases(made, cases_file)
    bench = measure.Bench(record, folder, made, cases_file, generator, _progress())
    try:
        with all_serving(chosen, made[0], folder, generator.cores.server) as running:
            record.start_s.update({each.contender.name: each.start_s for each in running})
            turns(bench, running)
    except KeyboardInterrupt:
        record.interrupted = True
    finally:
        written = record.write(folder)
    print(f"\n{table.render(record)}\n\n{written}")
    if record.interrupted:
        return 130
    return 1 if record.wrong else 0


def _quick_turns(bench: measure.Bench, running: Sequence[Running]) -> None:
    measure.steady(bench, running, QUICK_RATE, seconds=5, rounds=2)
    measure.climb(bench, running, QUICK_LADDER, seconds=3, goal_ms=GOAL_MS)
    measure.peaks(bench, running)


def _progress() -> measure.Say:
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - began:5.0f} s  {line}", file=sys.stderr, flush=True)

    return say


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    """SIGTERM ends a run as Ctrl-C does: servers stopped, what was measured written."""
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure dynonnx beside two baselines.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    each = commands.add_parser("quick", help="the three-minute form")
    each.add_argument("--model", default="iris", help="example model (default: iris)")
    each.add_argument("--pickles", type=Path, default=Path("build"), help="folder of the pickles (default: build)")
    each.add_argument("--models", type=Path, default=Path("models"), help="the repository (default: models)")
    each.add_argument("--results", type=Path, default=Path("bench/results"), help="where results go")
    each.add_argument(
        "--contenders", nargs="+", choices=NAMES, default=list(NAMES), help="which servers (default: all three)"
    )
    each.set_defaults(run=quick)
    each = commands.add_parser("cases", help="write requests and right answers for locust -f bench/locustfile.py")
    each.add_argument("--pickle", type=Path, required=True, help="the pickle that gives the answers")
    each.add_argument("--model", help="whose rows (default: the pickle's stem)")
    each.add_argument("--path", default="/predict", help="the route (default: /predict)")
    each.add_argument("--rows", type=int, default=0, help="rows in each request; 0 is one bare row (default)")
    each.add_argument("--out", type=Path, required=True, help="the file to write")
    each.set_defaults(run=cases)
    return parser


NAMES = ("dynonnx", "fastapi_onnx", "fastapi_pickle")

if __name__ == "__main__":
    sys.exit(main())
