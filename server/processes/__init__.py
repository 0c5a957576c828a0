"""The processes: the arbiter, its workers, how they talk, how many there are."""
