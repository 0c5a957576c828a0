"""Owns the progress bar. Knows nothing of what is done."""

from __future__ import annotations

from typing import Self, TextIO

from tqdm import tqdm

STEPS = 1000


class Progress:
    """A bar on a terminal; nothing elsewhere."""

    def __init__(self, stream: TextIO) -> None:
        self._bar = tqdm(
            total=STEPS, file=stream, disable=None, leave=False, bar_format="{l_bar}{bar}{postfix} {remaining}"
        )

    def tell(self, file: str, share: float, rows: int, refused: int) -> None:
        """How much of all is done, from 0 to 1."""
        self._bar.set_description_str(file, refresh=False)
        self._bar.set_postfix_str(f"{rows:,} rows, {refused:,} refused", refresh=False)
        self._bar.update(round(share * STEPS) - self._bar.n)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()
