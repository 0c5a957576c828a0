"""Answers unseen rows of real public data: `python -m tests.campaigns.realdata` writes docs/coverage-data.md."""
