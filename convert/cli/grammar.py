"""Owns the words of the command line, a parser for each command. Knows nothing of what they become."""

from __future__ import annotations

import argparse
from pathlib import Path

CONVERT_HELP = """\
Converts a scikit-learn model to one verified ONNX file, OUT/NAME/VERSION/model.onnx.

The file is written only if it answers as the original does, on at least 10,000 rows made up from the model itself and
on those you give with --data. A pickle is a program: it is opened in a process of its own that may do next to nothing,
and not at all where the system cannot see to that.

  python -m convert model.pkl                        models/model/1/model.onnx
  python -m convert model.pkl --name churn           models/churn/1/model.onnx
  python -m convert model.pkl --data sample.csv      checks your own rows, too
  python -m convert model.pkl --out churn.onnx       one file, just there
  python -m convert net.pkl --optimise fast          a network in float32, if it is faster and passes the same check
  python -m convert model.pkl --trust-code           runs and records functions and classes of your own in it
  python -m convert my-pickles/                      every model file in a folder, side by side
  python -m convert --mlflow models:/churn/3         models/churn/3/model.onnx, from MLflow's registry
  python -m convert doctor MODEL.pkl                 what a file is, unopened, and which command comes next
  python -m convert inspect FILE.onnx                what a file takes and gives
  python -m convert verify MODEL.pkl FILE.onnx       repeats the check
  python -m convert sign FILE.onnx --key KEY.pem     signs a file, for DYNONNX_VERIFY_KEY

Exit status: 0 written and verified, 1 refused or not equal, 2 the command line is wrong."""


def convert_parser() -> argparse.ArgumentParser:
    """Of ``python -m convert MODEL...``."""
    parser = _parser("python -m convert", CONVERT_HELP, "%(prog)s MODEL... [options]; --help lists them")
    parser.add_argument(
        "models",
        type=Path,
        nargs="*",
        metavar="MODEL",
        help="pickle, joblib or skops file of a fitted estimator, or a folder of such; several are converted side by"
        " side, as many as there are processors",
    )
    parser.add_argument(
        "--mlflow",
        metavar="ADDRESS",
        help="in place of MODEL: models:/name/3, runs:/id/path, a folder with MLmodel in it",
    )
    parser.add_argument("--name", help="the model's name (default: from the file's name)")
    parser.add_argument("--version", help="its version (default: 1, or one above the highest there)")
    _add_data(parser)
    parser.add_argument("--out", type=Path, default=Path("models"), help="repository folder, or a path ending in .onnx")
    parser.add_argument("--replace", action="store_true", help="write over a version that is there already")
    parser.add_argument(
        "--report", type=Path, metavar="FILE.html", help="write a page with the pipeline, the schema and the proof, too"
    )
    _add_ties(parser, "write a model")
    parser.add_argument(
        "--alone",
        action="store_true",
        help="of a model that answers a row otherwise beside others (NMF with its usual tolerance) take what it answers"
        " to a row alone",
    )
    parser.add_argument(
        "--method",
        choices=("transform",),
        default="",
        help="of a model that predicts and transforms (KMeans, a projection) take what it transforms",
    )
    parser.add_argument(
        "--optimise",
        "--optimize",
        choices=("safe", "fast"),
        default="safe",
        help="fast: also try a graph with products in float32, and keep the fastest that passes the whole proof"
        " (default: safe)",
    )
    _add_trust(parser)
    return parser


def inspect_parser() -> argparse.ArgumentParser:
    """Of ``inspect FILE``."""
    parser = _parser("python -m convert inspect", "Shows what an ONNX file takes and gives, and how it was verified.")
    parser.add_argument("file", type=Path, metavar="FILE")
    return parser


def doctor_parser() -> argparse.ArgumentParser:
    """Of ``doctor MODEL``."""
    parser = _parser(
        "python -m convert doctor",
        "Says what a model file is, which names it asks for, and which command comes next. It opens nothing.",
    )
    parser.add_argument("model", type=Path, metavar="MODEL")
    return parser


def verify_parser() -> argparse.ArgumentParser:
    """Of ``verify MODEL FILE``."""
    parser = _parser(
        "python -m convert verify",
        "Compares an ONNX file with the pickle it is meant to answer for.",
        "%(prog)s MODEL FILE.onnx [options]; --help lists them",
    )
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("file", type=Path, metavar="FILE")
    _add_data(parser)
    _add_ties(parser, "call a file equal")
    _add_trust(parser)
    return parser


def _add_ties(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument(
        "--allow-ties",
        action="store_true",
        help=f"{what} also where many rows have neighbours that are equally near; those answers may differ",
    )


def sign_parser() -> argparse.ArgumentParser:
    """Of ``sign FILE``."""
    parser = _parser(
        "python -m convert sign", "Writes FILE.sig: an Ed25519 signature of a model, its name and version."
    )
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--key", type=Path, required=True, metavar="KEY.pem", help="private key: docs/deploy.md")
    parser.add_argument("--name", help="the name it will serve under (default: from its path)")
    parser.add_argument("--version", help="and the version")
    return parser


def _parser(prog: str, description: str, usage: str | None = None) -> argparse.ArgumentParser:
    """``usage``: where all options by name would hide what is wrong with a command; ``--help`` has them below."""
    parser = argparse.ArgumentParser(
        prog, usage, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the report")
    parser.add_argument("--debug", action="store_true", help="print also where in the code a refusal arose")
    return parser


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, metavar="ROWS", help="rows to check as well: CSV, Parquet, JSON or NPY")


def _add_trust(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--trust",
        action="append",
        default=[],
        metavar="NAME",
        help="let the pickle use module.Name, whatever it does with it; again for more",
    )
    parser.add_argument("--key", help="where the file holds a dict: the key of the model in it")
    parser.add_argument(
        "--allow-version-mismatch",
        action="store_true",
        help="take a file of another scikit-learn as this one reads it; it may predict otherwise",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--python", type=Path, metavar="PATH", help="an interpreter with the scikit-learn that wrote the file"
    )
    which.add_argument(
        "--environment", type=Path, metavar="DIR", help="an environment with it (default: one is made once, by uv)"
    )
    parser.add_argument(
        "--converters", type=Path, metavar="FILE.py", help="a file that teaches classes of your own: docs/convert.md"
    )
    parser.add_argument(
        "--trust-code",
        action="store_true",
        help="run the functions and classes of your own that the model holds, confined as all else, and record what"
        " they do with numpy and pandas as the graph: docs/convert.md",
    )
    parser.add_argument(
        "--path",
        type=Path,
        action="append",
        default=[],
        metavar="DIR|FILE",
        help="with --trust-code: the folder with your modules, or the script or notebook that defines what the model"
        " has from __main__; again for more (default: the model's folder)",
    )
    parser.add_argument(
        "--unconfined",
        action="store_true",
        help="open the pickle also where this system cannot confine it: it may then do whatever you may do",
    )
    parser.add_argument("--timeout", type=float, default=900.0, metavar="SECONDS", help="time limit (default: 900)")
    parser.add_argument("--memory-gb", type=float, default=8.0, metavar="GB", help="memory limit (default: 8)")
