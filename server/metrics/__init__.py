"""Numbers of all processes in shared memory, and how they are shown."""
