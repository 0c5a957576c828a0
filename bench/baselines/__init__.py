"""The servers that people have today, each a small program of its own, and how every system is started."""
