"""How tables are read: which files, and so many rows at a time that they take little memory."""
