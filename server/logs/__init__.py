"""Log lines: their format, how often one repeats, their way out. ``log`` is the server's own logger."""

import logging

LOGGER_NAME = "dynonnx"
log = logging.getLogger(LOGGER_NAME)
