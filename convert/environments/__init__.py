"""Environments with an earlier scikit-learn: which packages fit it, which Python here runs them, how one is made."""
