"""What stand-ins do within a row over several of its columns, and with rows turned into columns."""
