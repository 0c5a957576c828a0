"""Drives the systems: one turn, a climb, a scenario, a whole run."""
