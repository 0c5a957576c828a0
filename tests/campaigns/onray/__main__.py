"""Measures what Ray costs: a Serve replica beside the server by itself, and a table by its tasks beside one process.

By turns in one run. All share this machine's cores with the load, so processor time stands beside each rate: it says
what a core of its own would do.
"""

from __future__ import annotations

import sys

from tests.campaigns.onray.scoring import measure_scoring
from tests.campaigns.onray.serving import measure_serving

if __name__ == "__main__":
    for name in sys.argv[1:] or ("serving", "scoring"):
        for line in {"serving": measure_serving, "scoring": measure_scoring}[name]():
            print(line, flush=True)
