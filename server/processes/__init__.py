"""The processes: the arbiter, its workers, their messages, their number."""
