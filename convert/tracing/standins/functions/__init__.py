"""numpy's functions of whole arrays, as they are recorded."""
