"""Owns the names of estimators, by the library they are of."""
