"""JSON: bodies to values, outputs to answers."""
