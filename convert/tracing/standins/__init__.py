"""What a person's code gets in place of arrays, series and frames, and of numpy's and pandas' functions."""
