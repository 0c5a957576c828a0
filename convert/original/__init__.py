"""The fitted model as it is: what it answers, what its columns hold, what is inside it."""
