"""The artefact: its metadata, its bytes, its session, its tensors. All that convert/ may import of the server."""
