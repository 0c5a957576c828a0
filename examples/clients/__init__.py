"""Clients to copy from; tests run each against a real server."""
