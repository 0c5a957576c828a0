"""The command `python -m server doctor`: what would go wrong after a push. A running server imports none of it."""
