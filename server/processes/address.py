"""Owns the address that the server listens on, in gunicorn's form. Opens no port for good."""

from __future__ import annotations

import socket


def bind_address(host: str, port: int) -> str:
    """An address in gunicorn's form: adds the brackets of IPv6."""
    bare = host.strip("[]")
    return f"[{bare}]:{port}" if ":" in bare else f"{bare}:{port}"


def default_host() -> str:
    """``[::]``, which accepts IPv4 too; ``0.0.0.0`` without IPv6."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::", 0))
    except OSError:
        return "0.0.0.0"
    return "[::]"
