"""Long measurements that a person starts by hand; each is a package to run with `python -m`."""
