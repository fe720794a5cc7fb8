"""One JSON-lines client's state machine: bytes in, bytes out, calls on the Room port in between.

A client is *silent* until its first line. One that begins with hello speaks the extended tongue: it is *asking*
until it names a room, then a *member*. Any other first line, or a while without any, makes it an *original* client:
`anon` in the lobby, whose every answer keeps to the documented keys.

Replays go out in pages, each when the one before has left, so that a long log and a slow reader need no memory. The
client's further lines wait meanwhile, so answers keep the order of the questions. A room that a replay is catching up
with gets no live messages: by the port's promise they are in the log, and the replay comes to them. `_floors` then
keeps away what was replayed and is delivered only afterwards.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import msgspec

from sandpiper.bridge.port import Guest, Port
from sandpiper.bridge.requests import INVALID_NICK, INVALID_TYPE, Misspoken, Said, named, parse
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.items import Item, Items, bounded_line
from sandpiper.common.limits import BACKLOG_MOST, LINE_BYTES, PAGE_BYTES, REPLAY_ENTRIES, VERSION
from sandpiper.common.lines import LineReader, TooLong
from sandpiper.common.messages import (
    Ack,
    Data,
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
    Me,
    MeDraft,
    Members,
    Msg,
    MsgDraft,
    Nick,
    Notice,
    Ping,
    Pong,
    Replay,
    Replayed,
    Trimmed,
    Who,
)
from sandpiper.common.rooms import LOBBY, room_name

_SEQ_MOST: Final = 1 << 62  # above every seq, and still fit for a database


class State(Enum):
    """How far a client is."""

    SILENT = "silent"
    ORIGINAL = "original"
    ASKING = "asking"
    MEMBER = "member"
    ENDED = "ended"


@dataclass(slots=True)
class _Running:
    """A replay under way. `left` is None for one that catches up with the live messages, after joining.

    `strict` says that what retention has removed above `after` is missed.
    """

    room: str
    after: int
    left: int | None
    strict: bool


class Session:
    """One client. After each call `take` has what to send, `wait` how long to read nothing, `ended` when to hang up.

    `lobby` is the room of an original client, which knows of none, and `since` where its log stood when the client
    connected: it was in there at once, and is given what has been said until we know. `ts` is wall-clock time in whole
    seconds.
    """

    def __init__(self, port: Port, guest: Guest, address: str, lobby: str = LOBBY, since: int | None = None) -> None:
        self.state = State.SILENT
        self.wait = 0.0
        self._port = port
        self._guest = guest
        self._address = address
        self._lobby = lobby
        self._since = since
        self._admitted = False
        self._reader = LineReader()
        self._lines: deque[bytes | TooLong] = deque()
        self._rooms: list[str] = []  # in the order of joining
        self._replays: deque[_Running] = deque()
        self._floors: dict[str, int] = {}  # the last seq replayed, until a live message is beyond it
        self._staged = False  # something of this client's waits at the port to be delivered
        self._owed = 0  # publications and whispers without an answer yet
        self._out: list[bytes] = []
        self._late: list[Item] | None = None  # delivered while a line is being handled: after its answer
        self._closing = False

    # Bytes ---------------------------------------------------------------------------------------------------

    @property
    def unfinished(self) -> bool:
        """Whether part of a line waits for its rest."""
        return self._reader.unfinished

    @property
    def ended(self) -> bool:
        """Whether to hang up once all is sent: told so, or the client has said all and has all that it is owed."""
        if self.state is State.ENDED:
            return True
        return self._closing and not (self._owed or self._lines or self._replays)

    @property
    def more(self) -> bool:
        """Whether `work` has something to do."""
        return self.state is not State.ENDED and bool(self._replays or (self._lines and not self.wait))

    @property
    def replaying(self) -> bool:
        """Whether a replay is under way: until it is over no more needs to be read."""
        return bool(self._replays)

    def take(self) -> bytes:
        """What to send now."""
        if not self._out:
            return b""
        out, self._out = self._out, []
        return out[0] if len(out) == 1 else b"".join(out)

    def silent(self, ts: int) -> None:
        """The client has said nothing for a while: an original one."""
        if self.state is State.SILENT:
            self._handle(self._become_original, ts)

    def receive(self, data: bytes) -> None:
        """The client has sent `data`; `work` handles it."""
        self._lines.extend(self._reader.feed(data))

    def finish(self) -> None:
        """The client will send no more. A last line needs no newline."""
        if self._reader.unfinished:
            self.receive(b"\n")
        self._closing = True

    def work(self, ts: int) -> None:
        """Handles the lines that have come, up to a pause or a replay; or sends a replay's next page."""
        if self._replays:
            self._page(ts)
            return
        while self._lines and not (self.wait or self._replays or self.state is State.ENDED):
            line = self._lines.popleft()
            size = LINE_BYTES if isinstance(line, TooLong) else len(line)
            self.wait = self._port.pause(self._guest, size)
            self._line(line, ts)

    # What the port says --------------------------------------------------------------------------------------

    def deliver(self, items: Sequence[Item]) -> None:
        """Things that have happened in the client's rooms."""
        self._staged = False
        if self._late is not None:
            self._late.extend(items)
            return
        if self._owed:
            self._owed -= sum(isinstance(item.message, (Ack, Error)) for item in items)
            self._owed = max(self._owed, 0)
        if self._floors or self._replays:
            items = [item for item in items if self._is_news(item.message)]
        batch = items if isinstance(items, Items) else Items(items)
        self._out.append(batch.original if self.state is State.ORIGINAL else batch.extended)

    def shut(self, text: str, ts: int) -> None:
        """The service ends this client."""
        if self.state is State.ORIGINAL:
            self._say(Notice(text, ts), ts)
        elif self.state is not State.ENDED:
            self._say(Error(text, ts, Code.CLOSING.value), ts)
        self.state = State.ENDED

    def _is_news(self, message: msgspec.Struct) -> bool:
        if not isinstance(message, (Msg, Me, Data)):
            return True
        room = message.room
        if any(replay.room == room and replay.left is None for replay in self._replays):
            return False
        if message.seq <= self._floors.get(room, 0):
            return False
        self._floors.pop(room, None)
        return True

    # Lines ---------------------------------------------------------------------------------------------------

    def _line(self, line: bytes | TooLong, ts: int) -> None:
        said, refusal = _read(line)
        hello = isinstance(said, Hello) or (isinstance(refusal, Misspoken) and refusal.kind == "hello")
        if self.state is State.SILENT and not hello:
            self._handle(self._become_original, ts)
        if self._staged and not isinstance(said, Draft):
            self._port.settle()  # answers keep the order of the questions
        if refusal is not None:
            self._handle(self._reject, refusal, ts)
        else:
            self._handle(self._dispatch, said, ts)

    def _handle(self, handler: Callable[..., None], *arguments: Any) -> None:
        """Runs one handler; what the port delivers meanwhile comes after the handler's own answer."""
        self._late = []
        try:
            handler(*arguments)
        finally:
            late, self._late = self._late, None
        if late:
            self.deliver(late)

    def _reject(self, refusal: Refusal, ts: int) -> None:
        self._refuse(refusal, ts, refusal.id if isinstance(refusal, Misspoken) else None)

    def _dispatch(self, said: Said | None, ts: int) -> None:
        if said is None or self.state is State.ENDED:
            return
        handler, states = _TABLE[type(said)]
        try:
            if self.state not in states:
                raise self._out_of_place()
            handler(self, said, ts)
        except Refusal as refusal:
            self._refuse(refusal, ts, named(getattr(said, "id", None)), named(getattr(said, "room", None)))

    def _out_of_place(self) -> Refusal:
        if self.state is State.ORIGINAL:
            return Refusal(Code.INVALID, INVALID_TYPE)
        return Refusal(Code.NOT_JOINED, "you are in no room yet: say hello with a room first")

    def _refuse(self, refusal: Refusal, ts: int, said_id: str | None = None, room: str | None = None) -> None:
        if self.state is not State.ENDED:
            self._say(Error(refusal.text, ts, refusal.code.value, said_id, room), ts)

    def _say(self, message: msgspec.Struct, ts: int) -> None:
        """An answer to this client alone."""
        if self.state is State.ORIGINAL:
            self._out.append(Item(message).original)
        else:
            self._out.append(bounded_line(message, ts))

    # Coming in -----------------------------------------------------------------------------------------------

    def _become_original(self, ts: int) -> None:
        self.state = State.ORIGINAL
        try:
            self._admit(None)
            joined = self._port.enter(self._guest, self._lobby, None)
            self._staged = True
            self._rooms.append(self._lobby)
            if self._since is not None and joined.seq > self._since:
                self._port.settle()  # that it joined comes first
                self._replays.append(_Running(self._lobby, self._since, None, strict=False))
        except Refusal as refusal:
            # It has no word for an access code, nor for another room: there is nothing it could do here.
            hint = ": connect with sandpiper, or say hello with it" if refusal.code is Code.ACCESS else ""
            self._say(Error(refusal.text + hint, ts), ts)
            self.state = State.ENDED

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
        if self.state is State.ORIGINAL:
            for room in self._rooms:
                self._port.leave(self._guest, room)
            self._rooms.clear()
        if self.state is not State.MEMBER:
            self.state = State.ASKING
        self._say(self._port.welcome(self._address), ts)
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
        self._staged = True
        self._rooms.append(room)
        self.state = State.MEMBER
        self._floors.pop(room, None)
        self._say_joined(joined, ts)
        after = hello.after
        if after is None and hello.backlog > 0:
            after = self._port.newest(room, min(hello.backlog, BACKLOG_MOST))
        if after is not None and after <= joined.seq:
            # What is above `joined.seq` is of an earlier run; nothing here follows it.
            self._replays.append(_Running(room, max(after, 0), None, hello.after is not None))

    def _say_joined(self, joined: Joined, ts: int) -> None:
        line = bounded_line(joined, ts)
        if line.startswith(b'{"type":"error"'):
            # The line a script waits for comes in any case; who is present, it can be told in the next.
            self._out.append(bounded_line(msgspec.structs.replace(joined, members=[]), ts))
        self._out.append(line)

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
        self._staged = True

    def _named(self, room: str | None) -> str | None:
        """Original clients know of no rooms: what they say in `room` is an unknown key to them."""
        return None if self.state is State.ORIGINAL else room

    def _text(self, said: LineMsg | LineMe, ts: int) -> None:
        if not said.text.strip():
            if self.state is State.ORIGINAL:
                return
            raise Refusal(Code.INVALID, "invalid message: the text is blank")
        draft = MeDraft if isinstance(said, LineMe) else MsgDraft
        self._publish(draft(text=said.text, id=said.id), said.room)

    def _data(self, said: LineData, ts: int) -> None:
        self._publish(DataDraft(value=said.value, id=said.id), said.room)

    def _publish(self, draft: Draft, room: str | None) -> None:
        self._port.publish(self._guest, self._own_room(self._named(room)), draft)
        self._owed += 1
        self._staged = True

    def _whisper(self, said: LineWhisper, ts: int) -> None:
        if not said.text.strip():
            raise Refusal(Code.INVALID, "invalid message: the text is blank")
        self._port.whisper(self._guest, self._own_room(said.room), said.to, said.text, said.id)
        self._owed += 1
        self._staged = True

    def _leave(self, said: Leave, ts: int) -> None:
        room = self._own_room(said.room)
        self._port.leave(self._guest, room)
        self._rooms.remove(room)
        self._floors.pop(room, None)
        if not self._rooms:
            self.state = State.ASKING
        self._say(Left(room), ts)

    # Questions -----------------------------------------------------------------------------------------------

    def _who(self, said: Who, ts: int) -> None:
        self._admit(None)
        room = self._room(said.room)
        self._say(Members(room, self._port.members(room)), ts)

    def _list(self, said: ListRooms, ts: int) -> None:
        self._admit(None)
        self._say(self._port.rooms(), ts)

    def _ping(self, said: Ping, ts: int) -> None:
        self._say(Pong(ts), ts)

    def _replay(self, said: Replay, ts: int) -> None:
        self._admit(None)
        after = min(max(said.after, 0), _SEQ_MOST)
        limit = min(max(said.limit, 0), BACKLOG_MOST)
        self._replays.append(_Running(self._room(said.room), after, limit, strict=False))

    def _page(self, ts: int) -> None:
        """The next page of the replay under way, at most PAGE_BYTES."""
        running = self._replays[0]
        most = REPLAY_ENTRIES if running.left is None else min(REPLAY_ENTRIES, running.left)
        try:
            messages, start = self._port.replay(running.room, running.after, most)
        except Refusal as refusal:
            self._replays.popleft()
            self._refuse(refusal, ts, room=running.room)
            return
        if running.strict and start > running.after + 1:
            self._say(Trimmed(running.room, start), ts)
            running.after = start - 1
        size = 0
        for message in messages[:most]:
            line = Item(message).original if self.state is State.ORIGINAL else bounded_line(message, ts)
            self._out.append(line)
            running.after = message.seq
            running.strict = running.left is None
            size += len(line)
            if running.left is not None:
                running.left -= 1
            if size > PAGE_BYTES:
                break
        if not messages or running.left == 0:
            self._replays.popleft()
            if running.left is None:
                self._floors[running.room] = running.after
            else:
                self._say(Replayed(running.room, running.after, start), ts)


_ANY: Final = frozenset({State.SILENT, State.ORIGINAL, State.ASKING, State.MEMBER})
_EXTENDED: Final = frozenset({State.ASKING, State.MEMBER})
_MEMBER: Final = frozenset({State.MEMBER})
_INSIDE: Final = frozenset({State.ORIGINAL, State.MEMBER})

_TABLE: Final[dict[type[Any], tuple[Callable[[Session, Any, int], None], frozenset[State]]]] = {
    Hello: (Session._hello, _ANY),
    Nick: (Session._nick, _INSIDE),
    LineMsg: (Session._text, _INSIDE),
    LineMe: (Session._text, _MEMBER),
    LineData: (Session._data, _MEMBER),
    LineWhisper: (Session._whisper, _MEMBER),
    Who: (Session._who, _EXTENDED),
    ListRooms: (Session._list, _EXTENDED),
    Leave: (Session._leave, _MEMBER),
    Replay: (Session._replay, _EXTENDED),
    Ping: (Session._ping, _EXTENDED),
}


def _read(line: bytes | TooLong) -> tuple[Said | None, Refusal | None]:
    """What a line says, None for a blank one; or why it says nothing."""
    if isinstance(line, TooLong):
        return None, Refusal(Code.TOO_LARGE, f"line too long: at most {LINE_BYTES} bytes")
    try:
        return (parse(line) if line.strip() else None), None
    except Refusal as refusal:
        return None, refusal
