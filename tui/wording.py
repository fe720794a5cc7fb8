"""Words for people."""

from __future__ import annotations


def counted(count: int, what: str) -> str:
    """As in `1 message`, `2 messages`."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
