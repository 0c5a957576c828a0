"""What each operator does to the rows of its inputs: one table of rules for each kind of operator."""
