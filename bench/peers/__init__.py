"""The servers that other people build for this, each with the same artefact, in its own environment."""
