"""HOST:PORT: how a host and a port are written as one word, and parted again."""

from __future__ import annotations


def joined(host: str, port: int | str) -> str:
    """HOST:PORT, an IPv6 host in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parted(text: str) -> tuple[str, str]:
    """The host without brackets, and what stands for the port, empty if nothing does.

    Several colons without a bracket are an IPv6 address alone.
    """
    if text.endswith("]") or (text.count(":") > 1 and not text.startswith("[")):
        return text.strip("[]"), ""
    host, colon, port = text.rpartition(":")
    return (host.strip("[]"), port) if colon else (text, "")
