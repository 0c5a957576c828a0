"""The server as it is, but each of its processes tells its modules: on SIGRTMIN it writes them to FOLDER/<pid>.

``python tests/support/integration/spy.py FOLDER``. The handler is set before the server's first import and
lives on in every forked worker; nothing is imported that the server would not import by itself.
"""

import os
import runpy
import signal
import sys

FOLDER = sys.argv[1]


def _tell(number: int, frame: object) -> None:
    path = os.path.join(FOLDER, str(os.getpid()))  # noqa: PTH118 - pathlib would be one module more
    with open(path + ".part", "w") as file:  # noqa: PTH123
        file.write("\n".join(sorted(sys.modules)))
    os.rename(path + ".part", path)  # noqa: PTH104


signal.signal(signal.SIGRTMIN, _tell)
sys.argv[1:] = []
sys.path[0] = os.getcwd()  # noqa: PTH109 - as `python -m` has it, instead of this script's folder
runpy.run_module("server", run_name="__main__", alter_sys=True)
