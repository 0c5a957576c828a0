"""Owns who asks: the keys that clients bring, and how much each may send."""
