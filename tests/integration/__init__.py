"""Real server processes, driven over real sockets: what no test inside one process can show."""
