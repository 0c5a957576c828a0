"""Guided by coverage, looks for bytes that are neither read nor refused: `make fuzz`."""
