"""What a recording is made of: nodes of a graph, sample rows beside them, and refusals that name a line."""
