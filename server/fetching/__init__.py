"""Models that lie elsewhere: their addresses, their bytes by digest, their way into the models folder."""
