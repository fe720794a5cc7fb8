"""The desk of a member with doors for tools: the bridge's Room port, and what its plain bus says and hears.

A tool cannot tell it from a broker. What a tool says goes out as this member, as `alice/thermo`: it is in the member's
log, and in what the other tools are told, at once; that is what its echo and its `ack` say. The member hands it on as
it does with its own.

The desk keeps the name that the room had when the doors were opened, whatever code it takes later, so that nobody's
topic changes. Tools and their coming and going are known here alone: they are no members.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from sandpiper.bridge.port import Guest
from sandpiper.common import batch, frame
from sandpiper.common.buckets import Meter
from sandpiper.common.errors import Code, Refusal, SandpiperError
from sandpiper.common.items import Item, Items
from sandpiper.common.legacy import PeerJoined, PeerLeft
from sandpiper.common.limits import (
    BODY_BYTES,
    BURST_S,
    BYTES_PER_S,
    DEDUP_IDS,
    FULL_PAUSE_S,
    ID_CHARS,
    MEMBERS_ON_A_LINE,
    MESSAGES_PER_S,
    VERSION,
)
from sandpiper.common.messages import (
    Ack,
    Data,
    DataDraft,
    Draft,
    Error,
    Found,
    Joined,
    Lost,
    Me,
    MeDraft,
    Member,
    Message,
    Msg,
    MsgDraft,
    NickSet,
    Notice,
    RoomInfo,
    Rooms,
    Welcome,
    Whisper,
)
from sandpiper.common.nicks import ANON, fold
from sandpiper.common.nicks import nick as valid_nick
from sandpiper.peer.attach.plain_publications import PlainPublications
from sandpiper.peer.attach.transcript import Transcript
from sandpiper.peer.events import Entered, Event, Received

PATH = "line"


class PostedMessage(Protocol):
    """A publication under way."""

    @property
    def id(self) -> str:
        """The publication's id."""


class ToolHost(Protocol):
    """The member whose desk it is; `peer.Room` is one."""

    @property
    def nick(self) -> str:
        """The member's nick, now."""

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the member's key."""

    @property
    def full(self) -> bool:
        """Whether more should wait."""

    def post_as_tool(self, draft: Draft, nick: str) -> PostedMessage:
        """Says it, under a nick that no key owns. Raises Refusal, SandpiperError."""


@dataclass(frozen=True, slots=True)
class Wire:
    """The way out of the desk, and the clocks. `changed` says that `settle` would do something, `moved` that others are
    present now than before.
    """

    publish: Callable[[list[bytes]], None]
    changed: Callable[[], None]
    moved: Callable[[], None]
    whisper: Callable[[Guest, str, str, str], None]
    clock: Callable[[], float]
    wall: Callable[[], float]


@dataclass(slots=True)
class _Seat:
    """A JSON-lines client; `nick` is None until it is in the room."""

    meter: Meter
    number: int
    nick: str | None = None


class ToolPort:
    """The room as tools see it. See Port for what JSON-lines clients ask; `plain` is what comes by the plain bus."""

    def __init__(self, host: ToolHost, room: str, run: str, wire: Wire) -> None:
        self.room = room
        self.present: list[Member] = []
        self._host = host
        self._wire = wire
        self._transcript = Transcript(room, run)
        self._seats: dict[Guest, _Seat] = {}
        self.plain = PlainPublications(room, self._say, wire.clock)
        self._stored: OrderedDict[tuple[object, str], int] = OrderedDict()
        self._count = 0
        self._whispers = itertools.count(1)
        self._said: list[Item] = []
        self._answers: list[tuple[Guest, Item]] = []

    @property
    def guests(self) -> list[Guest]:
        """The guests that are connected."""
        return list(self._seats)

    # What the room says ------------------------------------------------------------------------------------

    def hear(self, event: Event) -> None:
        """Tells the tools of an event in the room. A whisper is for the member alone."""
        match event:
            case Received(message=message):
                if not (event.own and not message.verified):  # else a tool here said it, and it is told already
                    self._enter_log(message)
            case PeerJoined() | PeerLeft() | Entered():
                self._wire.moved()
            case Notice():
                self._wire.moved()
                self._tell(msgspec.structs.replace(event, room=self.room))
            case Lost() | Found():
                self._tell(msgspec.structs.replace(event, room=self.room))

    def _enter_log(self, message: Message) -> Message:
        try:
            size = len(batch.encode_body(message))
        except Refusal:
            size = BODY_BYTES  # msgspec read it, so it can say it; whatever it is, it is bounded
        stamped = self._transcript.add(message, size)
        self._tell(stamped)
        return stamped

    def _tell(self, message: msgspec.Struct) -> None:
        self._said.append(Item(message))
        self._wire.changed()

    # Telling the tools -------------------------------------------------------------------------------------

    def settle(self) -> None:
        """See Port: what has been said goes to everybody, then answers to whom they are owed."""
        if self._said:
            said, self._said = Items(self._said), []
            self._wire.publish(_frames(self.room, said))
            for guest, seat in list(self._seats.items()):
                if seat.nick is not None:
                    guest.deliver(said)
        answers, self._answers = self._answers, []
        for guest, item in answers:
            if guest in self._seats:
                guest.deliver((item,))

    def answer(self, guest: Guest, message: msgspec.Struct) -> None:
        """An answer that took time, to one guest; nothing if it has gone."""
        self._answers.append((guest, Item(message)))
        self._wire.changed()

    # What tools say ----------------------------------------------------------------------------------------

    def missed(self, count: int) -> None:
        """So many publications of tools could not wait for the room any more. Nobody can tell whose they were."""
        text = f"{count} publications of tools are lost: the room takes less than they say"
        self._tell(Notice(text, self._ts(), self.room))

    def _say(self, sender: object, nick: str, draft: Draft) -> tuple[str, int]:
        """Says it as this member; its id and seq. A repeated one has its first seq. Raises Refusal."""
        name = draft.id
        if name is not None:
            if len(name) > ID_CHARS:
                raise Refusal(Code.INVALID, f"an id has at most {ID_CHARS} characters")
            seq = self._stored.get((sender, name))
            if seq is not None:
                return name, seq
        label = f"{self._host.nick}/{nick}"
        pending = self._host.post_as_tool(draft, label)
        message = self._enter_log(_message(draft, label, pending.id, int(self._wire.wall()), self._host.fingerprint))
        self._stored[sender, message.id] = message.seq
        if len(self._stored) > DEDUP_IDS:
            self._stored.popitem(last=False)
        return message.id, message.seq

    # See Port ----------------------------------------------------------------------------------------------

    def welcome(self, address: str) -> Welcome:
        """See Port. The keyed doors of a broker are not here."""
        return Welcome(VERSION, "sandpiper peer", "", None, None, "")

    def admit(self, access_code: str | None, address: str) -> None:
        """See Port: whoever gets to these doors may come in."""

    def enter(self, guest: Guest, room: str, nick: str | None) -> Joined:
        """See Port."""
        self._check(room)
        seat = self._known(guest)
        if seat.nick is not None:
            raise Refusal(Code.INVALID, f"you are in {room} already")
        name = self._free(guest, nick) if nick is not None else ANON
        self.settle()  # what was said before this one came is not for it
        seat.nick = name
        self._notice(f"{name} joined", "join", name)
        return Joined(room, name, self.members(room), self._transcript.head, self._transcript.run)

    def leave(self, guest: Guest, room: str) -> None:
        """See Port."""
        seat = self._seated(guest, room)
        name, seat.nick = seat.nick, None
        self._notice(f"{name} left", "leave", name)

    def claim(self, guest: Guest, room: str, nick: str) -> None:
        """See Port."""
        seat = self._seated(guest, room)
        was, seat.nick = seat.nick, self._free(guest, nick)
        if was != seat.nick:
            self._notice(f"{was} is now {seat.nick}", "nick", seat.nick, was)
        self.answer(guest, NickSet(f"nick set to {seat.nick}", self._ts()))
        self.settle()  # before whatever the client says next

    def publish(self, guest: Guest, room: str, draft: Draft) -> None:
        """See Port."""
        seat = self._seated(guest, room)
        try:
            nick = seat.nick or ANON
            sender = seat.number if nick == ANON else fold(nick)  # who comes back resends under the nick
            name, seq = self._say(("line", sender), nick, draft)
        except SandpiperError as error:  # the room is over, and these doors will be
            raise Refusal(Code.CLOSING, str(error)) from None
        self.answer(guest, Ack(name, self.room, seq))

    def whisper(self, guest: Guest, room: str, to: str, text: str, id: str | None) -> None:  # noqa: A002
        """See Port. To another tool here, or, with the tool's nick before it, to a member."""
        nick = self._seated(guest, room).nick or ANON
        name = id or f"whisper-{next(self._whispers)}"
        wanted = fold(to.removeprefix(f"{self._host.nick}/"))
        here = [each for each, seat in self._seats.items() if seat.nick is not None and fold(seat.nick) == wanted]
        if not here or wanted == ANON:
            self._wire.whisper(guest, to, f"[{nick}] {text}", name)
            return
        ts = self._ts()
        for each in here:
            self.answer(each, Whisper(nick, to, text, ts, self.room, name, self._host.fingerprint, False))
        self.answer(guest, Ack(name, self.room, None))

    def refuse(self, guest: Guest, refusal: Refusal, id: str | None) -> None:  # noqa: A002
        """A whisper has not arrived."""
        self.answer(guest, Error(refusal.text, self._ts(), refusal.code.value, id, self.room))

    def members(self, room: str) -> list[Member]:
        """See Port: the room's, and the JSON-lines clients here."""
        self._check(room)
        host = self._host
        here = [
            Member(f"{host.nick}/{seat.nick}", host.fingerprint, False, PATH)
            for seat in self._seats.values()
            if seat.nick is not None
        ]
        return [*self.present, *here][:MEMBERS_ON_A_LINE]

    def rooms(self) -> Rooms:
        """See Port: one."""
        return Rooms([RoomInfo(self.room, len(self.members(self.room)), self._transcript.head)])

    def replay(self, room: str, after: int, limit: int) -> tuple[list[Message], int]:
        """See Port."""
        self._check(room)
        return self._transcript.page(after, limit), self._transcript.start

    def newest(self, room: str, count: int) -> int:
        """See Port."""
        self._check(room)
        return max(self._transcript.head - count, 0)

    def pause(self, guest: Guest, size: int) -> float:
        """See Port. A room that can take no more slows its tools down."""
        wait = self._known(guest).meter.charge(size, self._wire.clock())
        return max(wait, FULL_PAUSE_S) if self._host.full else wait

    def depart(self, guest: Guest) -> None:
        """See Port."""
        seat = self._seats.pop(guest, None)
        if seat is not None and seat.nick is not None:
            self._notice(f"{seat.nick} left", "leave", seat.nick)

    # Helpers -----------------------------------------------------------------------------------------------

    def _notice(self, text: str, event: str, nick: str | None, was: str | None = None) -> None:
        self._tell(Notice(text, self._ts(), self.room, event, nick, was))

    def _check(self, room: str) -> None:
        if room != self.room:
            raise Refusal(Code.NO_ROOM, f"these endpoints lead to one room, {self.room}")

    def _known(self, guest: Guest) -> _Seat:
        seat = self._seats.get(guest)
        if seat is None:
            self._count += 1
            seat = self._seats[guest] = _Seat(Meter(MESSAGES_PER_S, BYTES_PER_S, BURST_S), self._count)
        return seat

    def _seated(self, guest: Guest, room: str) -> _Seat:
        self._check(room)
        seat = self._seats.get(guest)
        if seat is None or seat.nick is None:
            raise Refusal(Code.NOT_JOINED, f"you are not in {room}")
        return seat

    def _free(self, guest: Guest, nick: str) -> str:
        """The nick, if no other guest has it. Raises Refusal."""
        name = valid_nick(nick)
        for other, seat in self._seats.items():
            if other is not guest and seat.nick is not None and name != ANON and fold(seat.nick) == fold(name):
                raise Refusal(Code.NICK_TAKEN, f"the nick {name} is taken")
        return name

    def _ts(self) -> int:
        return int(self._wire.wall())


def _message(draft: Draft, nick: str, name: str, ts: int, fingerprint: str) -> Message:
    rest: tuple[Any, ...] = (ts, "", 0, 0, "", draft.id or name, fingerprint, False)
    match draft:
        case DataDraft():
            return Data(nick, draft.value, *rest)
        case MeDraft():
            return Me(nick, draft.text, *rest)
        case MsgDraft():
            return Msg(nick, draft.text, *rest)
    raise Refusal(Code.INVALID, "not a message")


def _frames(room: str, said: Items) -> list[bytes]:
    """Encodes messages and notices for the plain bus, one frame each."""
    frames = []
    for item in said:
        kind = str(item.message.__struct_config__.tag)
        if kind in _ON_THE_BUS:
            try:
                frames.append(frame.encode(room, kind, item.message))
            except Refusal:
                continue
    return frames


_ON_THE_BUS = frozenset({"msg", "me", "data", "notice"})
