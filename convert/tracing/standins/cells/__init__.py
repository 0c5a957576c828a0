"""Functions of one value of a row, as they are recorded."""
