"""What scoring a table costs beside the ways people know; run by `make bench-score`."""
