"""Bytes to tensors and tensors to bytes, one file per protocol. Pure: no sockets, no clock, no session."""
