"""The licences command: writes the page. An entry point."""

from __future__ import annotations

import sys

from tests.campaigns.supply.licences import page
from tests.campaigns.supply.lock import ROOT, read_pins

LISTS = {
    "serving": "requirements.in",
    "signing": "requirements-signing.in",
    "converting": "requirements-convert.txt",
    "developing": "requirements-dev.txt",
}

if __name__ == "__main__":
    text = page({use: read_pins(ROOT / file) for use, file in LISTS.items()})
    (ROOT / "docs" / "licences.md").write_text(text, "utf-8")
    sys.exit(0)
