"""A small true holder of rooms: the bridge's port in memory. Publications are staged; `commit` stores and tells."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from sandpiper.bridge.port import Guest
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.items import Item
from sandpiper.common.messages import (
    Ack,
    Data,
    DataDraft,
    Draft,
    Joined,
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

TS = 1735812345
RUN = "0" * 32


@dataclass
class Room:
    log: list[Message] = field(default_factory=list)
    start: int = 1
    seats: dict[Guest, str] = field(default_factory=dict)

    @property
    def head(self) -> int:
        return self.start - 1 + len(self.log)


class MemoryRooms:
    """A Port. With `auto` each call commits at once, as a service would at the end of its turn."""

    def __init__(self, *, access_code: str | None = None, auto: bool = True, page: int = 1000) -> None:
        self.held: dict[str, Room] = {}
        self.access_code = access_code
        self.auto = auto
        self.page = page
        self.charges: list[int] = []
        self.charge = 0.0
        self.departed: list[Guest] = []
        self._staged: list[tuple[Guest, str, Draft, str]] = []
        self._outbox: list[tuple[list[Guest], Item]] = []
        self._ids = itertools.count(1)

    # The port ------------------------------------------------------------------------------------------------

    def welcome(self, address: str) -> Welcome:
        return Welcome(1, "memory", "k" * 40, None, None, f"ticket for {address}", self.access_code is not None)

    def admit(self, access_code: str | None, address: str) -> None:
        if self.access_code not in (None, access_code):
            raise Refusal(Code.ACCESS, "this broker needs an access code")

    def enter(self, guest: Guest, room: str, nick: str | None) -> Joined:
        held = self.held.setdefault(room, Room())
        nick = nick or "anon"
        self._free(held, guest, nick)
        held.seats[guest] = nick
        self._notice(room, f"{nick} joined")
        return Joined(room, nick, self.members(room), held.head, RUN)

    def leave(self, guest: Guest, room: str) -> None:
        nick = self._seat(guest, room)
        del self.held[room].seats[guest]
        self._notice(room, f"{nick} left")

    def claim(self, guest: Guest, room: str, nick: str) -> None:
        was = self._seat(guest, room)
        self._free(self.held[room], guest, nick)
        self.held[room].seats[guest] = nick
        self._notice(room, f"{was} is now {nick}")
        self._outbox.append(([guest], Item(NickSet(f"nick set to {nick}", TS))))
        self._settle()

    def publish(self, guest: Guest, room: str, draft: Draft) -> None:
        nick = self._seat(guest, room)
        self._staged.append((guest, room, draft, nick))
        self._settle()

    def whisper(self, guest: Guest, room: str, to: str, text: str, id: str | None) -> None:  # noqa: A002
        nick = self._seat(guest, room)
        there = [each for each, name in self.held[room].seats.items() if name == to]
        if not there:
            raise Refusal(Code.NOT_HERE, f"{to} is not in {room}")
        name = id or f"w{next(self._ids)}"
        self._outbox.append((there, Item(Whisper(nick, to, text, TS, room, name, None, False))))
        self._outbox.append(([guest], Item(Ack(name, room, None))))
        self._settle()

    def members(self, room: str) -> list[Member]:
        held = self.held.get(room)
        return [Member(nick, None, False, "line") for nick in held.seats.values()] if held else []

    def rooms(self) -> Rooms:
        return Rooms([RoomInfo(name, len(held.seats), held.head) for name, held in self.held.items()])

    def replay(self, room: str, after: int, limit: int) -> tuple[list[Message], int]:
        held = self.held.setdefault(room, Room())
        return [each for each in held.log if each.seq > after][: min(limit, self.page)], held.start

    def newest(self, room: str, count: int) -> int:
        return max(self.held[room].head - count, 0) if room in self.held else 0

    def pause(self, guest: Guest, size: int) -> float:
        self.charges.append(size)
        return self.charge

    def settle(self) -> None:
        self.commit()

    def depart(self, guest: Guest) -> None:
        self.departed.append(guest)
        for name, held in self.held.items():
            if guest in held.seats:
                self.leave(guest, name)

    # What a test does ----------------------------------------------------------------------------------------

    def store(self) -> None:
        """Stores what is staged, telling nobody yet."""
        for guest, room, draft, nick in self._staged:
            held = self.held[room]
            message = _stamp(draft, nick, room, held.head + 1, draft.id or f"m{next(self._ids)}")
            held.log.append(message)
            self._outbox.append((list(held.seats), Item(message)))
            self._outbox.append(([guest], Item(Ack(message.id, room, message.seq))))
        self._staged.clear()

    def tell(self) -> None:
        """Delivers, to who is in the room now, as the port promises."""
        outbox, self._outbox = self._outbox, []
        batches: dict[Guest, list[Item]] = {}
        for guests, item in outbox:
            if isinstance(item.message, (Msg, Me, Data)):
                guests = list(self.held[item.message.room].seats)
            for guest in guests:
                batches.setdefault(guest, []).append(item)
        for guest, items in batches.items():
            guest.deliver(items)

    def commit(self) -> None:
        self.store()
        self.tell()

    def trim(self, room: str, start: int) -> None:
        held = self.held[room]
        del held.log[: start - held.start]
        held.start = start

    # Inside --------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        if self.auto:
            self.commit()

    def _notice(self, room: str, text: str) -> None:
        notice = Notice(text, TS, room)
        self._outbox.append((list(self.held[room].seats), Item(notice)))
        self._settle()

    def _seat(self, guest: Guest, room: str) -> str:
        held = self.held.get(room)
        if held is None or guest not in held.seats:
            raise Refusal(Code.NOT_JOINED, f"you are not in {room}")
        return held.seats[guest]

    @staticmethod
    def _free(held: Room, guest: Guest, nick: str) -> None:
        if nick != "anon" and any(name == nick and each is not guest for each, name in held.seats.items()):
            raise Refusal(Code.NICK_TAKEN, f"the nick {nick} is taken")


def _stamp(draft: Draft, nick: str, room: str, seq: int, name: str) -> Message:
    if isinstance(draft, DataDraft):
        return Data(nick, draft.value, TS, room, seq, seq - 1, RUN, name, None, False)
    if isinstance(draft, MeDraft):
        return Me(nick, draft.text, TS, room, seq, seq - 1, RUN, name, None, False)
    if isinstance(draft, MsgDraft):
        return Msg(nick, draft.text, TS, room, seq, seq - 1, RUN, name, None, False)
    raise TypeError(type(draft).__name__)
