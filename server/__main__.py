"""Owns the command `python -m server`: reads the environment; shows help or the plan, or serves. Knows no HTTP.

Its words `doctor` and `check` are those of server/doctor/, `fetch` that of server/fetching/; no other run imports them.
"""

from __future__ import annotations

import argparse
import errno
import gc
import os
import signal
import socket
import sys
from typing import NoReturn

import orjson

from server import __version__
from server.logs import handler
from server.logs.formats import told
from server.logs.output import reserve_standard_descriptors
from server.processes.address import default_host
from server.processes.box import read_own_box
from server.processes.plan import DynoPlan, make_plan
from server.settings import BadSetting, Settings, help_text, public_settings, read_settings

MAX_SHOWN = 64  # characters of a host that is none


def main() -> int:
    """Returns the exit status: 0 after a clean stop, 1 if it cannot serve, 2 for a bad setting."""
    if sys.argv[1:2] in (["doctor"], ["check"]):
        from server.doctor.__main__ import main as examine

        return examine(sys.argv[1:], read_own_box().memory_bytes)
    if sys.argv[1:2] == ["fetch"]:
        from server.fetching.__main__ import main as fetch

        return fetch(sys.argv[1:])
    reserve_standard_descriptors()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until the arbiter handles it, Ctrl-C ends the start silently
    arguments = _parser().parse_args()
    try:
        settings = read_settings(os.environ)
        _check_addresses(settings.models_from)
    except BadSetting as error:
        print(told(error), file=sys.stderr)
        return 2
    plan = make_plan(read_own_box(), settings.workers, settings.ort_threads)
    if arguments.print_config:
        print(_config(settings, plan))
        return 0
    handler.configure(settings.log_level, settings.log_format)
    return _serve(settings, plan)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        super().error(f"{message}; settings are variables of the environment: PORT=8080 python -m server")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m server",
        description="Serves the ONNX models of a folder over HTTP.\n\n"
        "  python -m server doctor   says before a push what would go wrong; --help tells more\n"
        "  python -m server check    opens every model and has it answer its golden rows, and ends\n"
        "  python -m server fetch    fetches the models of DYNONNX_MODELS_FROM, and ends",
        epilog="Settings are variables of the environment (PORT=9000 python -m server); in brackets what is usual:\n"
        f"{help_text()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--print-config", action="store_true", help="show the settings and the dyno plan, and end")
    parser.add_argument("--version", action="version", version=f"dynonnx {__version__}")
    return parser


def _config(settings: Settings, plan: DynoPlan) -> str:
    shown = {"settings": public_settings(settings), "plan": plan}
    return orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode()


def _check_addresses(texts: tuple[str, ...]) -> None:
    """Raises BadSetting for an address that no model can be fetched from."""
    if texts:  # what else starts need not wait for numpy, with which that of a model's name comes
        from server.fetching.address import read_addresses

        read_addresses(texts)


def _serve(settings: Settings, plan: DynoPlan) -> int:
    gc.disable()  # what is imported stays, and is looked at once it is whole: `Server.load`
    try:
        # Imported here, so that --help and bad settings are answered without loading a web server.
        from server.fetching.apart import fetch_apart
        from server.models.repository import BadRepository
        from server.processes.application import Server

        try:
            _check_port(settings.host or default_host(), settings.port)
            if settings.models_from and (status := fetch_apart()):
                return status
            Server(settings, plan).run()
        except (BadSetting, BadRepository) as error:
            print(told(error), file=sys.stderr)
            return 1
    finally:
        gc.enable()
    return 0


def _check_port(host: str, port: int) -> None:
    """Raises BadSetting for an address that cannot be bound, before loading and gunicorn's five tries."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except UnicodeError:  # a label that no name can have
        raise BadSetting(f"DYNONNX_HOST: {host[:MAX_SHOWN]!r} is neither a name nor an address") from None
    except OSError as error:
        elsewhere = isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL
        name = "DYNONNX_HOST" if elsewhere else "PORT"
        raise BadSetting(f"{name}: cannot listen on {host}:{port}: {error.strerror}") from None


if __name__ == "__main__":
    sys.exit(main())
