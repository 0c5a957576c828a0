"""Tests of what other hosts read."""
