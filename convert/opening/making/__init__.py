"""The reconstructors: what a file may have made, each of checked parts."""
