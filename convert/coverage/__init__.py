"""Measures what converts: `python -m convert.coverage` writes docs/coverage.md."""
