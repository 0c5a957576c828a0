"""One run of a batch: where it happens, what becomes of one that fails, crashes or does not end. Knows no queue."""
