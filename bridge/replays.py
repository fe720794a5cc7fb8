"""The replays that one JSON-lines client has asked for.

They go out in pages, each when the one before has left, so that a long log and a slow reader need no memory. A room
that a replay is catching up with gets no live messages: by the port's promise they are in the log, and the replay comes
to them. `_floors` then keeps away what was replayed and is delivered only afterwards.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from sandpiper.bridge.port import Port
from sandpiper.common.errors import Refusal
from sandpiper.common.limits import PAGE_BYTES, REPLAY_ENTRIES
from sandpiper.common.messages import Data, Me, Msg, Replayed, Trimmed


@dataclass(slots=True)
class _Running:
    """A replay under way. `left` is None for one that catches up with the live messages, after joining.

    `strict` says that what retention has removed above `after` is missed.
    """

    room: str
    after: int
    left: int | None
    strict: bool


class Replays:
    """The replays of one client, one after the other. `say` sends the client an object, and returns its bytes."""

    def __init__(self, port: Port, say: Callable[[msgspec.Struct, int], int]) -> None:
        self._port = port
        self._say = say
        self._running: deque[_Running] = deque()
        self._floors: dict[str, int] = {}  # the last seq replayed, until a live message is beyond it

    def __bool__(self) -> bool:
        """Whether a replay is under way."""
        return bool(self._running)

    @property
    def filtering(self) -> bool:
        """Whether some live messages are to be held back."""
        return bool(self._floors or self._running)

    def begin(self, room: str, after: int, left: int | None, *, strict: bool = False) -> None:
        """Starts a replay above `after`, behind those under way."""
        self._running.append(_Running(room, after, left, strict))

    def forget(self, room: str) -> None:
        """Forgets what was replayed of the room: the client has left it, or enters it anew."""
        self._floors.pop(room, None)

    def is_news(self, message: msgspec.Struct) -> bool:
        """Whether a delivered message is to be sent now: no replay has sent it, and none is about to."""
        if not isinstance(message, (Msg, Me, Data)):
            return True
        room = message.room
        if any(replay.room == room and replay.left is None for replay in self._running):
            return False
        if message.seq <= self._floors.get(room, 0):
            return False
        self._floors.pop(room, None)
        return True

    def page(self, ts: int) -> tuple[Refusal, str] | None:
        """Sends the next page, at most PAGE_BYTES. Returns why a replay had to end, and its room."""
        running = self._running[0]
        most = REPLAY_ENTRIES if running.left is None else min(REPLAY_ENTRIES, running.left)
        try:
            messages, start = self._port.replay(running.room, running.after, most)
        except Refusal as refusal:
            self._running.popleft()
            return refusal, running.room
        if running.strict and start > running.after + 1:
            self._say(Trimmed(running.room, start), ts)
            running.after = start - 1
        size = 0
        for message in messages[:most]:
            size += self._say(message, ts)
            running.after = message.seq
            running.strict = running.left is None
            if running.left is not None:
                running.left -= 1
            if size > PAGE_BYTES:
                break
        if not messages or running.left == 0:
            self._running.popleft()
            if running.left is None:
                self._floors[running.room] = running.after
            else:
                self._say(Replayed(running.room, running.after, start), ts)
        return None
