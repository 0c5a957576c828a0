"""Which waiting requests share a run, when it starts, what it is expected to cost. Knows no protocol."""
