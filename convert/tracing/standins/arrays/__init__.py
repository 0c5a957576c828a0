"""numpy's arrays, as they are recorded."""
