"""Pickles of earlier versions of scikit-learn, each made by its own version: `make old-pickles`."""
