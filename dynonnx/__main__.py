"""Owns the command `dynonnx`: its first word chooses the program, which gets the rest. Knows no options of theirs."""

from __future__ import annotations

import runpy
import sys

from server import __version__

# The words before the person's own, as `python -m` takes them.
PROGRAMS = {
    "convert": ("convert",),
    "serve": ("server",),
    "score": ("score",),
    "bench": ("bench",),
    "doctor": ("server", "doctor"),
    "check": ("server", "check"),
    "fetch": ("server", "fetch"),
}
USAGE = f"""\
usage: dynonnx {{{",".join(PROGRAMS)}}} ...

  convert   a scikit-learn pickle to one verified ONNX file: dynonnx convert model.pkl
  serve     the models in models/ over HTTP; settings come from the environment
  score     a Parquet or CSV table with one of them
  bench     what a server is worth on a dyno
  doctor    what would go wrong after a push to Heroku
  check     opens every model and has it answer its golden rows
  fetch     brings the models of DYNONNX_MODELS_FROM into models/

dynonnx WORD --help tells more; dynonnx --version the version."""
GOOD, USAGE_ERROR = 0, 2


def main() -> int:
    """Runs the program of the first word, which ends as it ends; returns an exit status where there is none."""
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    if word in ("--version", "--help", "-h"):
        print(f"dynonnx {__version__}" if word == "--version" else USAGE)
        return GOOD
    if word not in PROGRAMS:
        print(f"dynonnx: there is no command '{word}'\n{USAGE}" if word else USAGE, file=sys.stderr)
        return USAGE_ERROR
    module, *words = PROGRAMS[word]
    sys.argv[1:2] = words
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except ModuleNotFoundError as error:
        print(f"dynonnx {word} needs {error.name}: pip install 'dynonnx[{word}]', or '.[{word}]' here", file=sys.stderr)
        return USAGE_ERROR
    return GOOD


if __name__ == "__main__":
    sys.exit(main())
