"""The look at a model file that opens nothing: what it is, which names it asks for, what it would be."""
