"""Columns of dates and of the times between them, as they are recorded."""
