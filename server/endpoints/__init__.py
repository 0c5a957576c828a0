"""What the routes do, the same for both doors. Knows neither ASGI nor sockets."""
