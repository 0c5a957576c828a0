"""One protocol per file: bytes to rows, outputs to bytes. Pure."""
