"""The requests of one JSON-lines client and their answers: its state, its rooms, a handler for each request.

A client is *silent* until its first line. One that begins with hello speaks the extended protocol: it is *asking*
until it names a room, then a *member*. Any other first line, or a while without any, makes it an *original* client:
`anon` in the lobby, whose every answer keeps to the documented keys.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Final

import msgspec

from sandpiper.bridge.port import Guest, Port
from sandpiper.bridge.replays import Replays
from sandpiper.bridge.requests import INVALID_NICK, LineRequest
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.items import Item, bounded_line
from sandpiper.common.limits import BACKLOG_MOST, VERSION
from sandpiper.common.line_requests import INVALID_TYPE, named
from sandpiper.common.messages import (
    DataDraft,
    Draft,
    Error,
    Hello,
    Joined,
    Leave,
    Left,
    LineData,
    LineMe,
    LineMsg,
    LineWhisper,
    ListRooms,
    MeDraft,
    Members,
    MsgDraft,
    Nick,
    Notice,
    Ping,
    Pong,
    Replay,
    Who,
)
from sandpiper.common.rooms import room_name

_SEQ_MOST: Final = 1 << 62  # above every seq, and still fit for a database


class LineState(Enum):
    """The states of a client."""

    SILENT = "silent"
    ORIGINAL = "original"
    ASKING = "asking"
    MEMBER = "member"
    ENDED = "ended"


class Conversation:
    """The requests of one client, carried out at the port. What to send gathers in `out`.

    `staged` says that something of this client's waits at the port to be delivered; `owed` counts its publications and
    whispers without an answer yet.
    """

    def __init__(self, port: Port, guest: Guest, address: str, lobby: str, since: int | None) -> None:
        self.state = LineState.SILENT
        self.out: list[bytes] = []
        self.staged = False
        self.owed = 0
        self.replays = Replays(port, self.say)
        self._port = port
        self._guest = guest
        self._address = address
        self._lobby = lobby
        self._since = since
        self._admitted = False
        self._rooms: list[str] = []  # in the order of joining

    def carry_out(self, said: LineRequest | None, ts: int) -> None:
        """Carries out one request, and answers it."""
        if said is None or self.state is LineState.ENDED:
            return
        handler, states = _TABLE[type(said)]
        try:
            if self.state not in states:
                raise self._out_of_place()
            handler(self, said, ts)
        except Refusal as refusal:
            self.refuse(refusal, ts, named(getattr(said, "id", None)), named(getattr(said, "room", None)))

    def _out_of_place(self) -> Refusal:
        if self.state is LineState.ORIGINAL:
            return Refusal(Code.INVALID, INVALID_TYPE)
        return Refusal(Code.NOT_JOINED, "you are in no room yet: say hello with a room first")

    def refuse(self, refusal: Refusal, ts: int, said_id: str | None = None, room: str | None = None) -> None:
        """Tells the client why something was not done."""
        if self.state is not LineState.ENDED:
            self.say(Error(refusal.text, ts, refusal.code.value, said_id, room), ts)

    def say(self, message: msgspec.Struct, ts: int) -> int:
        """Sends an object to this client alone. Returns its bytes."""
        line = Item(message).original if self.state is LineState.ORIGINAL else bounded_line(message, ts)
        self.out.append(line)
        return len(line)

    def end(self, text: str, ts: int) -> None:
        """Tells the client that the service ends it."""
        if self.state is LineState.ORIGINAL:
            self.say(Notice(text, ts), ts)
        elif self.state is not LineState.ENDED:
            self.say(Error(text, ts, Code.CLOSING.value), ts)
        self.state = LineState.ENDED

    # Coming in -----------------------------------------------------------------------------------------------

    def become_original(self, ts: int) -> None:
        """Seats a client that did not say hello first: `anon` in the lobby."""
        self.state = LineState.ORIGINAL
        try:
            self._admit(None)
            joined = self._port.enter(self._guest, self._lobby, None)
            self.staged = True
            self._rooms.append(self._lobby)
            if self._since is not None and joined.seq > self._since:
                self._port.settle()  # that it joined comes first
                self.replays.begin(self._lobby, self._since, None)
        except Refusal as refusal:
            # It has no word for an access code, nor for another room: there is nothing it could do here.
            hint = ": connect with sandpiper, or say hello with it" if refusal.code is Code.ACCESS else ""
            self.say(Error(refusal.text + hint, ts), ts)
            self.state = LineState.ENDED

    def _admit(self, access_code: str | None) -> None:
        if not self._admitted:
            self._port.admit(access_code, self._address)
            self._admitted = True

    def _hello(self, hello: Hello, ts: int) -> None:
        if hello.v > VERSION:
            raise Refusal(
                Code.VERSION,
                f"this broker speaks version {VERSION}, and you speak {hello.v}: say hello with v {VERSION}",
            )
        if self.state is LineState.ORIGINAL:
            for room in self._rooms:
                self._port.leave(self._guest, room)
            self._rooms.clear()
        if self.state is not LineState.MEMBER:
            self.state = LineState.ASKING
        self.say(self._port.welcome(self._address), ts)
        if hello.access_code is not None or hello.room is not None:
            self._admit(hello.access_code)
        if hello.room is not None:
            self._enter(hello, room_name(hello.room), ts)

    def _enter(self, hello: Hello, room: str, ts: int) -> None:
        if room in self._rooms:
            raise Refusal(Code.INVALID, f"you are in {room} already")
        nick = hello.nick
        if nick is not None and not nick.strip():
            raise Refusal(Code.INVALID, INVALID_NICK)
        joined = self._port.enter(self._guest, room, nick)
        self.staged = True
        self._rooms.append(room)
        self.state = LineState.MEMBER
        self.replays.forget(room)
        self._say_joined(joined, ts)
        after = hello.after
        if after is None and hello.backlog > 0:
            after = self._port.newest(room, min(hello.backlog, BACKLOG_MOST))
        if after is not None and after <= joined.seq:
            # What is above `joined.seq` is of an earlier run; nothing here follows it.
            self.replays.begin(room, max(after, 0), None, strict=hello.after is not None)

    def _say_joined(self, joined: Joined, ts: int) -> None:
        line = bounded_line(joined, ts)
        if line.startswith(b'{"type":"error"'):
            # The line a script waits for comes in any case; who is present, it can be told in the next.
            self.out.append(bounded_line(msgspec.structs.replace(joined, members=[]), ts))
        self.out.append(line)

    # In a room -----------------------------------------------------------------------------------------------

    def _room(self, named_room: str | None) -> str:
        if named_room is not None:
            return room_name(named_room)
        if not self._rooms:
            raise Refusal(Code.INVALID, "which room? you are in none, so say it in `room`")
        return self._rooms[-1]

    def _own_room(self, named_room: str | None) -> str:
        room = self._room(named_room)
        if room not in self._rooms:
            raise Refusal(Code.NOT_JOINED, f"you are not in {room}")
        return room

    def _nick(self, said: Nick, ts: int) -> None:
        nick = said.nick.strip()
        if not nick:
            raise Refusal(Code.INVALID, INVALID_NICK)
        self._port.claim(self._guest, self._own_room(self._named(said.room)), nick)
        self.staged = True

    def _named(self, room: str | None) -> str | None:
        """Original clients know of no rooms: what they say in `room` is an unknown key to them."""
        return None if self.state is LineState.ORIGINAL else room

    def _text(self, said: LineMsg | LineMe, ts: int) -> None:
        if not said.text.strip():
            if self.state is LineState.ORIGINAL:
                return
            raise Refusal(Code.INVALID, "invalid message: the text is blank")
        draft = MeDraft if isinstance(said, LineMe) else MsgDraft
        self._publish(draft(text=said.text, id=said.id), said.room)

    def _data(self, said: LineData, ts: int) -> None:
        self._publish(DataDraft(value=said.value, id=said.id), said.room)

    def _publish(self, draft: Draft, room: str | None) -> None:
        self._port.publish(self._guest, self._own_room(self._named(room)), draft)
        self.owed += 1
        self.staged = True

    def _whisper(self, said: LineWhisper, ts: int) -> None:
        if not said.text.strip():
            raise Refusal(Code.INVALID, "invalid message: the text is blank")
        self._port.whisper(self._guest, self._own_room(said.room), said.to, said.text, said.id)
        self.owed += 1
        self.staged = True

    def _leave(self, said: Leave, ts: int) -> None:
        room = self._own_room(said.room)
        self._port.leave(self._guest, room)
        self._rooms.remove(room)
        self.replays.forget(room)
        if not self._rooms:
            self.state = LineState.ASKING
        self.say(Left(room), ts)

    # Questions -----------------------------------------------------------------------------------------------

    def _who(self, said: Who, ts: int) -> None:
        self._admit(None)
        room = self._room(said.room)
        self.say(Members(room, self._port.members(room)), ts)

    def _list(self, said: ListRooms, ts: int) -> None:
        self._admit(None)
        self.say(self._port.rooms(), ts)

    def _ping(self, said: Ping, ts: int) -> None:
        self.say(Pong(ts), ts)

    def _replay(self, said: Replay, ts: int) -> None:
        self._admit(None)
        after = min(max(said.after, 0), _SEQ_MOST)
        limit = min(max(said.limit, 0), BACKLOG_MOST)
        self.replays.begin(self._room(said.room), after, limit)


_ANY: Final = frozenset({LineState.SILENT, LineState.ORIGINAL, LineState.ASKING, LineState.MEMBER})
_EXTENDED: Final = frozenset({LineState.ASKING, LineState.MEMBER})
_MEMBER: Final = frozenset({LineState.MEMBER})
_INSIDE: Final = frozenset({LineState.ORIGINAL, LineState.MEMBER})

_TABLE: Final[dict[type[Any], tuple[Callable[[Conversation, Any, int], None], frozenset[LineState]]]] = {
    Hello: (Conversation._hello, _ANY),
    Nick: (Conversation._nick, _INSIDE),
    LineMsg: (Conversation._text, _INSIDE),
    LineMe: (Conversation._text, _MEMBER),
    LineData: (Conversation._data, _MEMBER),
    LineWhisper: (Conversation._whisper, _MEMBER),
    Who: (Conversation._who, _EXTENDED),
    ListRooms: (Conversation._list, _EXTENDED),
    Leave: (Conversation._leave, _MEMBER),
    Replay: (Conversation._replay, _EXTENDED),
    Ping: (Conversation._ping, _EXTENDED),
}
