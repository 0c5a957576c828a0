"""The file: its metadata, what its bytes use, the session that runs it, its tensors. All that convert/ may import."""
