"""The server on a Ray cluster, by Ray Serve."""
