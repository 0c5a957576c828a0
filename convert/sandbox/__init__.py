"""The child process in which a pickle is opened: its start, its limits, what the two say to each other."""
