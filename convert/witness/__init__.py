"""The process that answers as the original where a pickle is another scikit-learn's: its interpreter has that version.

All but `client` is plain Python 3.8 and imports nothing but numpy, pandas, joblib, the walls and itself, as an old
interpreter runs it.
"""
