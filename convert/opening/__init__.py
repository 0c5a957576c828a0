"""Model files opened by exact names only."""
