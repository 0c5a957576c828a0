"""Measures what v2 with binary tensors costs beside the bare run. HTTP only."""
