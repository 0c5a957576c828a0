"""The proof that a file answers as the original does: the rows, the questions, the comparison."""
