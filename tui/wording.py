"""Words for people."""

from __future__ import annotations

from typing import Final

from sandpiper.peer.events import Held

GOES_ON: Final = "what was held up is being stored again"


def held_up(event: Held) -> str:
    """That what one writes waits, and why."""
    return f"nothing is stored: {event.text}. What you write is kept, and sent again by itself"


def counted(count: int, what: str) -> str:
    """As in `1 message`, `2 messages`."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
