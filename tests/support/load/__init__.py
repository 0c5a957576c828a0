"""Load for tests of processes, and what takes from them: memory, forks, runs that crash."""
