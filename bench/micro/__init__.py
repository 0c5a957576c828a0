"""Measures peak rates, latencies and processor time per request side by side, with wrk, on one core. HTTP only."""
