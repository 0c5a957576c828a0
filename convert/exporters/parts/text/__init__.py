"""Graph parts of texts: patterns, characters, n-grams, and what is counted of them."""
