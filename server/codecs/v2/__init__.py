"""The Open Inference Protocol v2: bytes to tensors, tensors to bytes. Pure."""
