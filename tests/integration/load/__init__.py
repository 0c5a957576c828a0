"""What a server is worth under load that lasts: memory, overload."""
