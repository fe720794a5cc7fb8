"""What has been said in a room, numbered for the tools beside a member.

Between peers everybody has a log of their own; a tool knows rooms with one, whose seqs have no holes. So what a member
shows is numbered anew as it comes, in a run that belongs to this member's doors.
"""

from __future__ import annotations

from collections import deque

import msgspec

from sandpiper.common.limits import TRANSCRIPT_BYTES, TRANSCRIPT_MESSAGES
from sandpiper.common.messages import Message


class Transcript:
    """The newest messages of the room `room`; the oldest go, past TRANSCRIPT_MESSAGES or TRANSCRIPT_BYTES."""

    def __init__(self, room: str, run: str) -> None:
        self.room = room
        self.run = run
        self.head = 0
        self._held: deque[tuple[Message, int]] = deque()
        self._bytes = 0
        self._last: dict[type[Message], int] = {}

    @property
    def start(self) -> int:
        """The first seq that is held, or would be."""
        return self.head - len(self._held) + 1

    def add(self, message: Message, size: int) -> Message:
        """The message as it stands here. `size` is what it takes, in bytes."""
        self.head += 1
        kind = type(message)
        stamped = msgspec.structs.replace(
            message, room=self.room, seq=self.head, prev=self._last.get(kind, 0), run=self.run
        )
        self._last[kind] = self.head
        self._held.append((stamped, size))
        self._bytes += size
        while len(self._held) > TRANSCRIPT_MESSAGES or (self._bytes > TRANSCRIPT_BYTES and len(self._held) > 1):
            self._bytes -= self._held.popleft()[1]
        return stamped

    def page(self, after: int, limit: int) -> list[Message]:
        """The messages above seq `after`, oldest first, at most `limit`."""
        first = max(after - self.start + 1, 0)
        return [self._held[at][0] for at in range(first, min(first + max(limit, 0), len(self._held)))]
