"""Tells where the microseconds of a one-row request go inside the server. Knows the server's files by name only."""
