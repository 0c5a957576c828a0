"""One server with several workers: how evenly they share, and what each further core brings."""
