"""Shows what can go wrong and what then happens: `python -m tests.campaigns.faults` writes docs/faults.md."""
