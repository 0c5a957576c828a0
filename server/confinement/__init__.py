"""The walls round a child process that opens a stranger's file: what it may ask the kernel for, what it may read."""
