"""Code that prints, logs and asserts as people's does, whose asserts no test runner rewrites."""

# ruff: noqa: T201

from __future__ import annotations

import logging
from typing import Any

logger = logging.getLogger(__name__)


def talkative(df: Any) -> Any:
    print("before:", df.shape)
    print(f"{len(df)} rows, {df['a'].mean():.2f} on average")
    logger.info("shape %s", df.shape)
    logging.getLogger("other")
    assert len(df) > 0, f"no rows: {df.shape}"
    assert not df.isna().any().any()
    for name in df:
        print(df[name].head())
    return df[["a"]] * 2


class Talkative:
    """As people keep a logger."""

    def __init__(self) -> None:
        self.logger = logger

    def double(self, df: Any) -> Any:
        self.logger.debug("rows: %d", len(df))
        return df[["a"]] * 2


def both_ways(said: Any, x: int) -> Any:
    """Prints where ``x`` is, in every place where a statement may stand."""
    if x:
        print(said.append("no"))
    else:
        assert said.append("no") or x
    try:
        print(said.append("no"))
        print("last of a block", x)
    finally:
        print(said.append("no"))
    x and print(said.append("kept"))
    answers = [print(said.append("kept")) for _ in range(2)]
    print("kept", said.append("kept"), taken := 1)
    return len(answers), taken
