"""The Open Inference Protocol v2: from bytes to tensors and back. Pure."""
