"""The metrics of all processes in shared memory, and their text. Knows no requests."""
