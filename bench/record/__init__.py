"""Holds what was measured, and what it comes to."""
