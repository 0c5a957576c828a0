"""Measures what converts: `python -m tests.campaigns.coverage` writes docs/coverage.md."""
