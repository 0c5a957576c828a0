"""What other hosts read to run the server."""
