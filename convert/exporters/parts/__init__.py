"""Pieces of graphs that several families of exporters share."""
