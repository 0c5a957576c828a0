"""pandas' series, as they are recorded."""
