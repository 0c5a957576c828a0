"""Answers that are given again: what is kept, for how long, and equal questions that wait for one row."""
