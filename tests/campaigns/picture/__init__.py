"""The picture of a terminal that README shows: recorded from a real run by `make picture`, and drawn as SVG."""
