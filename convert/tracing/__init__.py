"""A person's own code, run on stand-ins that record what it does with numpy and pandas as nodes of a graph."""
