"""Clients that others wrote, or that people copy, against a running server."""
