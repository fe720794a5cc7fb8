"""The lead: what was sent inward of one CURVE connection, and has not been read there yet, in bytes and in frames.

CURVE hides what a ZMTP 3 frame says, but not how long it is (RFC 37: a flag octet, one or eight of length). So all that
goes in can be counted exactly; and since a connection keeps its order, a message that has come out takes with it all
that stands before the first frame of its length. That is never too much: its own frame stands there, or further back.
"""

from __future__ import annotations

from collections import deque
from typing import Final

CURVE_OVERHEAD: Final = 33
"""What a CURVE frame carries besides its message: the name `MESSAGE`, a nonce, a MAC, and flags."""
SHORT, LONG = 2, 9
"""A frame's header, by the form of its length."""
_SHORT_MOST: Final = 255
FRAME_LEAST: Final = SHORT + CURVE_OVERHEAD
"""The shortest that can hold a message."""
_GREETING: Final = 64
_LONG_FLAG: Final = 0x02
_HEARTBEATS: Final = frozenset(FRAME_LEAST + size for size in (5, 7))
"""libzmq's PONG and PING: no messages, so they never come out, and an idle client sends one every few seconds. No
request is that short. In bytes they count as all else."""


class Lead:
    """The lead of one connection. `octets` and `frames` are how far it is ahead; heartbeats are no frames."""

    def __init__(self) -> None:
        self.octets = 0
        self._sent: deque[int] = deque()
        self._heartbeats = 0
        self._header = bytearray()
        self._size = self._left = _GREETING

    @property
    def frames(self) -> int:
        """Whole frames, and one that has begun."""
        return len(self._sent) - self._heartbeats + (self._left > 0)

    def sent(self, data: bytes) -> None:
        """Counts bytes that have gone in."""
        self.octets += len(data)
        at, end = 0, len(data)
        while at < end:
            if self._left:
                step = min(self._left, end - at)
                at += step
                self._left -= step
            else:
                at = self._take_header(data, at)
            if not self._left and self._size:
                self._finish()

    def _take_header(self, data: bytes, at: int) -> int:
        """Reads a frame's header, or what there is of it. Returns where it ends."""
        header = self._header
        flags = header[0] if header else data[at]
        size = LONG if flags & _LONG_FLAG else SHORT
        step = size - len(header)
        header += data[at : at + step]
        if len(header) == size:
            self._left = int.from_bytes(header[1:], "big")
            self._size = size + self._left
            header.clear()
        return at + step

    def _finish(self) -> None:
        self._sent.append(self._size)
        self._heartbeats += self._size in _HEARTBEATS
        self._size = 0

    def surfaced(self, octets: int) -> None:
        """Counts off a message of one frame of so many octets, which has come out, and all that was sent before it."""
        length = octets + CURVE_OVERHEAD
        sizes = (length + SHORT, length + LONG) if length <= _SHORT_MOST else (length + LONG,)
        position = next((place for place, size in enumerate(self._sent) if size in sizes), -1)
        for _ in range(position + 1):
            size = self._sent.popleft()
            self.octets -= size
            self._heartbeats -= size in _HEARTBEATS
