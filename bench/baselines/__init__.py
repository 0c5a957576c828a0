"""The two servers that people have today, each a small program of its own, to be measured beside dynonnx."""
