"""Faster graphs of a model: how one is made of its own, and which is kept."""
