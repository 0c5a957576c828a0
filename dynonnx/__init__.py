"""The command `dynonnx`, which an installation brings. It owns no work: each word is a program of its own."""
