"""Keeps processes and cores apart, and watches what they do."""
