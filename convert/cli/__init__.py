"""The command line: words in, text and one file out."""
