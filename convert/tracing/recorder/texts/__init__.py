"""What pandas and Python do with texts, as nodes: `texts`, their `pieces`, and which expressions mean the same."""
