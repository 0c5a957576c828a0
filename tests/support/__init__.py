"""What tests need and is no test, in the tree of what it serves."""
