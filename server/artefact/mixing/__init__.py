"""Whether a graph keeps the rows of a run apart, decided from the graph. Pure: runs nothing."""
