"""Example models and clients."""
