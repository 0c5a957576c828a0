"""Requests that door one answers: their place on a connection, and when they begin."""
