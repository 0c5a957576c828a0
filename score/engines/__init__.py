"""Who scores the parts of a table: this process, or the tasks of a cluster."""
