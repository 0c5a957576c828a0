"""Fitted estimators turned into graphs, one family of scikit-learn per file."""
