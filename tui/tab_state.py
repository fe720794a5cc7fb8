"""The state of a room on the screen: its name, messages and members, and what the status line says of it."""

from __future__ import annotations

from sandpiper.chat.members import path_words
from sandpiper.common.errors import SandpiperError
from sandpiper.common.limits import NAMES_SEEN
from sandpiper.common.messages import Member
from sandpiper.peer.view import RoomView
from sandpiper.tui.older_messages import OlderMessages
from sandpiper.tui.port import RoomRequest
from sandpiper.tui.round_trips import steady
from sandpiper.tui.timeline_model import TimelineModel


class TabState:
    """The state of one room. `state` is connecting, open, left or failed."""

    def __init__(self, request: RoomRequest, notify: str) -> None:
        self.request = request
        self.notify = notify
        self.name = "new room" if request.create else request.target
        self._key = ""
        self.model = TimelineModel()
        self.older = OlderMessages(self.model)
        self.room: RoomView | None = None
        self.state = "connecting"
        self.words = "getting ready"
        self.held = ""
        self.error: SandpiperError | None = None
        self.members: tuple[Member, ...] = ()
        self.members_due = 0.0
        self.unread = 0
        self.mentioned = False
        self.draft = ""
        self.anchor: tuple[int, int] | None = None
        self._nicks: dict[str, None] = {}
        self._rtt_ms: float | None = None

    def meet(self, nick: str) -> None:
        """Remembers that somebody of that nick has spoken, or come."""
        self._nicks.pop(nick, None)
        self._nicks[nick] = None
        if len(self._nicks) > NAMES_SEEN:
            del self._nicks[next(iter(self._nicks))]

    @property
    def unsent(self) -> list[str]:
        """The texts that nobody has received yet."""
        return [entry.text for entry in self.model.pending.values() if entry.mark == "…"]

    @property
    def key(self) -> str:
        """The room's name in the history."""
        return self._key

    @property
    def entered(self) -> bool:
        """Whether the room has ever been entered."""
        return bool(self._key)

    @property
    def nick(self) -> str:
        """The reader's own nick in this room."""
        return self.room.nick if self.room is not None else self.request.nick or ""

    @property
    def nicks(self) -> list[str]:
        """The nicks for completion, the likeliest first."""
        own = self.nick
        spoke = list(reversed(self._nicks))
        return [nick for nick in dict.fromkeys([*spoke, *(member.nick for member in self.members)]) if nick != own]

    @property
    def health(self) -> str:
        """good, warn or bad."""
        if self.state == "failed":
            return "bad"
        if self.state != "open" or self.room is None or self.room.path == "offline" or self.held:
            return "warn"
        return "good"

    @property
    def status(self) -> str:
        """The state of the connection, in words."""
        room = self.room
        if self.state == "failed":
            return f"{self.words}. Enter tries again"
        if self.state == "left":
            return f"left {self.name}. Enter comes back"
        if room is None or self.state != "open":
            return f"{self.name}: {self.words} …"
        unsent = len(self.unsent)
        waiting = f", {unsent} to send" if unsent else ""
        if room.path == "offline":
            return f"{self.name}: not connected to {_place(room)}, trying again{waiting}"
        if self.held:
            return f"{self.name}: {self.held}, trying again{waiting}"
        self._rtt_ms = steady(self._rtt_ms, room.rtt_ms)
        rtt = "" if self._rtt_ms is None else f", {self._rtt_ms:.1f} ms"
        return f"{self.name} · {path_words(room.path)}{_at(room)}{rtt}{waiting}"


def _place(room: RoomView) -> str:
    return "the others" if room.where == "p2p" else room.where


def _at(room: RoomView) -> str:
    return "" if room.where == "p2p" else f" {room.where}"
