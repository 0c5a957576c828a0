"""Scores tables of many rows with the models that the server serves: the same schema, the same graph, no HTTP."""
