"""The process that answers as the original where a pickle is another scikit-learn's: its interpreter has that version.

All but `client` is plain Python 3.8, as an old interpreter runs it, and imports nothing but numpy, pandas, joblib, the
walls, itself, and of `opening` the makers of arrays and tables.
"""
