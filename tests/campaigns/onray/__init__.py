"""The rate of a Ray Serve replica beside that of the server by itself."""
