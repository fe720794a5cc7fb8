"""A broker's endpoints, as seen from here."""

from __future__ import annotations


def at_host(endpoint: str, host: str) -> str:
    """`endpoint` (tcp://HOST:PORT) at the host that we know the broker by: what it binds says nothing about that."""
    port = endpoint.rpartition(":")[2]
    return f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"
