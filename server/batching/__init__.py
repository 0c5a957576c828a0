"""Which entries share a run, when the run starts, what it is expected to cost. Knows no protocol."""
