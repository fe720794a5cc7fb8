"""The broker's core: rooms, seats, nicks and what each session may do. No sockets and no clock in it.

Every call takes `now` (seconds, monotonic). What is to be sent gathers until `flush`, which stores first and then
says; joining flushes, so that a newcomer's history and what comes after it meet without a hole and without a double.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from sandpiper.broker.dedup import Dedup
from sandpiper.broker.log import RoomLogs, StoreError
from sandpiper.broker.outputs import Output, ToGuest, ToSession
from sandpiper.broker.relay import Relay
from sandpiper.broker.restore import restore
from sandpiper.broker.room import HostedRoom
from sandpiper.broker.sequencer import Sequencer
from sandpiper.broker.session import ClientSession, Seat
from sandpiper.broker.whispers import Whispers
from sandpiper.common import batch
from sandpiper.common.buckets import Meter
from sandpiper.common.control import Subscribed
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.items import Item
from sandpiper.common.limits import (
    BURST_S,
    BYTES_PER_S,
    LINGER_S,
    MEMBERS_PER_ROOM,
    MESSAGES_PER_S,
    NICK_GRACE_S,
    PLAIN_FACTOR,
    RETAIN_MESSAGES,
    RETAIN_S,
    ROOMS,
    SILENT_S,
)
from sandpiper.common.messages import Member, NickSet, Notice, RoomInfo
from sandpiper.common.nicks import ANON, fold, nick
from sandpiper.common.rooms import room_name


@dataclass(frozen=True, slots=True)
class Rules:
    """The limits that the operator chose."""

    messages_per_s: float = MESSAGES_PER_S
    bytes_per_s: float = BYTES_PER_S
    retain_messages: int = RETAIN_MESSAGES
    retain_s: float = RETAIN_S


@dataclass(frozen=True, slots=True)
class Place:
    """Where a session stands after joining: it reads on after seq `after`."""

    room: HostedRoom
    nick: str
    start: int
    after: int


class Broker:
    """The rooms and sessions of a broker, over one log."""

    def __init__(self, store: RoomLogs, rules: Rules, now: float, wall: float) -> None:
        self.rules = rules
        self.store = store
        self.rooms: dict[str, HostedRoom] = {}
        self.sessions: dict[bytes, ClientSession] = {}
        self.guests: set[ClientSession] = set()
        self.whispers = Whispers()
        self.relay = Relay()
        self._dedup = Dedup(now)
        self.sequencer = Sequencer(store, self._dedup)
        self._wall = wall - now
        self._run_inherited = store.inherited
        self._outputs: list[Output] = []
        self._told: list[Output] = []
        self.tools = ClientSession(self.meter(PLAIN_FACTOR), publisher=ANON, path="plain")
        restore(store, self.rooms, self._dedup, now, wall)

    def meter(self, factor: int = 1) -> Meter:
        """A meter with the rate of one member, or of `factor` members together."""
        return Meter(self.rules.messages_per_s * factor, self.rules.bytes_per_s * factor, BURST_S)

    def ts(self, now: float) -> int:
        """Wall time in whole seconds."""
        return int(now + self._wall)

    # Rooms and seats ---------------------------------------------------------------------------------------

    def room(self, name: str) -> HostedRoom:
        """The room, made if need be. Raises Refusal."""
        room = self.rooms.get(name)
        if room is None:
            room_name(name)
            if len(self.rooms) >= ROOMS:
                raise Refusal(Code.TOO_MANY, f"this broker has its {ROOMS} rooms already")
            room = self.rooms[name] = HostedRoom(name)
        return room

    def join(
        self,
        session: ClientSession,
        name: str,
        nick_wanted: str,
        now: float,
        *,
        member: bool = True,
        run: str | None = None,
        after: int | None = None,
        backlog: int = 0,
    ) -> Place:
        """Seats the session. Raises Refusal: INVALID, NICK_TAKEN, TOO_MANY; StoreError for a run that cannot begin."""
        room = self.room(name)
        try:
            self.flush(now)
            if run == self.store.run and after is not None and after > room.head:
                self._doubt_run()
            seat = self._seat(room, session, nick_wanted, member, now)
        except (Refusal, StoreError):
            self._forget(room)
            raise
        if seat is not None:
            room.seats[session] = session.seats[name] = seat
            if session.guest is not None:
                room.told[session] = None
            if member:
                self._notice(room, f"{seat.nick} joined", now, event="join", session=session)
        session.heard, session.gone_at = now, None
        if after is None:
            after = max(room.head - backlog, 0)
        elif run is not None and run != self.store.run:
            after = min(after, room.run_start - 1)
        start = self.store.start(name)
        return Place(room, room.seats[session].nick, start, min(max(after, 0), room.head))

    def _seat(self, room: HostedRoom, session: ClientSession, wanted: str, member: bool, now: float) -> Seat | None:
        """The seat to take, with its nick claimed; None when the session sits there already, as after a reconnect."""
        seat = room.seats.get(session)
        if seat is not None:
            if wanted and fold(wanted) != fold(seat.nick):
                self.claim(session, room.name, wanted, now)
            return None
        if len(room.seats) >= MEMBERS_PER_ROOM:
            raise Refusal(Code.TOO_MANY, f"the room {room.name} has its {MEMBERS_PER_ROOM} members already")
        self._replace_ghosts(room, session, wanted)
        claimed = room.book.claim(session.owner, wanted) if wanted else ANON
        self._remember(room, session, claimed, now)
        return Seat(claimed, member, _verified(session, claimed))

    def _replace_ghosts(self, room: HostedRoom, session: ClientSession, wanted: str) -> None:
        """A session of the same person and nick whose connection has gone makes way without a word."""
        for other in room.holders(wanted):
            if other.identity is not None and other.identity == session.identity and other.gone_at is not None:
                self._unseat(room, other, keep_until=None)

    def _doubt_run(self) -> None:
        """A client has seen more of this run than the store has: the store was set back, so a new run begins.

        Only a run that this process took over can be doubted, and only once: of a run that it began itself it knows
        every seq that it ever gave out.
        """
        if self._run_inherited:
            self.store.new_run()
            self._run_inherited = False
            for room in self.rooms.values():
                room.run_start = room.head + 1

    def leave(self, session: ClientSession, name: str, now: float, *, grace: bool = True) -> None:
        """Frees the seat and tells the others. Raises Refusal: NOT_JOINED."""
        room, seat = self.seated(session, name)
        keep = now + NICK_GRACE_S if grace and session.identity is not None else None
        self._unseat(room, session, keep_until=keep)
        if seat.member:
            self._notice(room, f"{seat.nick} left", now, event="leave", session=session, nick=seat.nick)
        self._forget(room)

    def _unseat(self, room: HostedRoom, session: ClientSession, *, keep_until: float | None) -> None:
        seat = room.seats.pop(session)
        del session.seats[room.name]
        room.told.pop(session, None)
        session.pushed.discard(room.name)
        self._release(room, session, seat.nick, keep_until)

    def _release(self, room: HostedRoom, session: ClientSession, held: str, keep_until: float | None) -> None:
        room.book.release(held, keep_until=keep_until)
        if session.identity is not None and room.book.owner(held) is None:
            self._free(room, held)

    def _free(self, room: HostedRoom, held: str) -> None:
        with suppress(StoreError):  # then it is only kept over a restart
            self.store.free_nick(room.name, fold(held))

    def _forget(self, room: HostedRoom) -> None:
        if room.forgettable:
            self.rooms.pop(room.name, None)

    def seated(self, session: ClientSession, name: str) -> tuple[HostedRoom, Seat]:
        """The room and the session's seat in it. Raises Refusal: NOT_JOINED."""
        seat = session.seats.get(name)
        if seat is None:
            raise Refusal(Code.NOT_JOINED, f"you are not in the room {name}", retry_ms=1000)
        return self.rooms[name], seat

    def claim(self, session: ClientSession, name: str, wanted: str, now: float) -> None:
        """Another nick; everyone is told. Raises Refusal: NOT_JOINED, INVALID, NICK_TAKEN."""
        room, seat = self.seated(session, name)
        wanted = ANON if fold(wanted) == ANON else nick(wanted)
        was = seat.nick
        if wanted != was:
            claimed = room.book.claim(session.owner, wanted)
            self._release(room, session, was, None)
            seat.nick, seat.verified = claimed, _verified(session, claimed)
            self._remember(room, session, claimed, now)
            if seat.member:
                self._notice(room, f"{was} is now {claimed}", now, event="nick", session=session, was=was)
        if session.guest is not None:
            said = NickSet(f"nick set to {wanted}", self.ts(now))
            self.flush(now)  # between the notice and whatever the client says next
            self._outputs.append(ToGuest(session.guest, [Item(said)]))

    def _remember(self, room: HostedRoom, session: ClientSession, claimed: str, now: float) -> None:
        if session.identity is not None and claimed != ANON:
            with suppress(StoreError):  # then it is only not kept over a restart
                self.store.own_nick(room.name, fold(claimed), claimed, session.identity, now + self._wall)

    def listing(self) -> list[RoomInfo]:
        """All rooms, by name."""
        return [RoomInfo(name, len(room.members()), room.head) for name, room in sorted(self.rooms.items())]

    def members(self, name: str) -> list[Member]:
        """The members who are present; none in a room that is not there. Raises Refusal: INVALID."""
        room = self.rooms.get(room_name(name))
        return room.members() if room else []

    # Sessions ----------------------------------------------------------------------------------------------

    def subscribe(self, session: ClientSession, name: str) -> None:
        """The session hears the room by control from now on. Raises Refusal: NOT_JOINED."""
        room, _ = self.seated(session, name)
        room.told[session] = None
        session.pushed.add(name)
        session.path = "one-port"

    def reconnected(self, session: ClientSession, route: bytes, now: float) -> None:
        """The session goes on over a new connection, whose subscriptions are its own."""
        for name in session.pushed:
            self.rooms[name].told.pop(session, None)
        session.pushed.clear()
        session.path = "bus"
        session.heard, session.gone_at, session.route = now, None, route

    def subscribed(self, key: bytes, topic: bytes, now: float) -> None:
        """A subscription of this key has reached the bus: tells it from where on it will be pushed."""
        session = self.sessions.get(key)
        if session is None:
            return
        for name in session.seats:
            if batch.topic(name).startswith(topic) or f"{name}/".encode().startswith(topic):
                self.flush(now)
                event = Subscribed(room=name, run=self.store.run, head=self.rooms[name].head)
                self._outputs.append(ToSession(session, event))

    def lost_connection(self, session: ClientSession, now: float) -> None:
        """The session's connection has gone; it may come back within LINGER_S unnoticed."""
        if session.gone_at is None:
            session.gone_at = now

    def end(self, session: ClientSession, now: float, *, grace: bool) -> None:
        """The session leaves everywhere."""
        for name in list(session.seats):
            self.leave(session, name, now, grace=grace)
        self.whispers.drop(session)
        self._told += self.relay.drop(session)
        self.guests.discard(session)
        self.sequencer.outage.depart(session)
        if session.key is not None:
            self.sessions.pop(session.key, None)
            if not grace:
                self.forget_publishers([session.key])

    def forget_publishers(self, keys: Iterable[bytes]) -> None:
        """Forgets the numbers of sessions that will not publish again."""
        for key in keys:
            for room in self.rooms.values():
                room.published.pop(key, None)

    def tick(self, now: float, wall: float) -> None:
        """To be called every second or two: ends sessions that have fallen silent, frees nicks, adjusts the clock."""
        self._wall = wall - now
        self._dedup.tick(now)
        for session in list(self.sessions.values()):
            if session.gone_at is None and now - session.heard > SILENT_S:
                session.gone_at = now - LINGER_S
            if session.gone_at is not None and now - session.gone_at >= LINGER_S:
                self.end(session, now, grace=True)
        for room in list(self.rooms.values()):
            for freed in room.book.expire(now):
                self._free(room, freed)
            self._forget(room)
        self._outputs.extend(self.whispers.expire(now, self.ts(now)))
        self.sequencer.probe(self.ts(now), now)

    def get_timer(self) -> float | None:
        """When `tick` has something to do."""
        dues = [
            session.heard + SILENT_S if session.gone_at is None else session.gone_at + LINGER_S
            for session in self.sessions.values()
        ]
        timers = [*(room.book.get_timer() for room in self.rooms.values()), self.whispers.get_timer()]
        timers.append(self.sequencer.outage.get_timer())
        return min([*dues, *(due for due in timers if due is not None)], default=None)

    # What is to be sent ------------------------------------------------------------------------------------

    def _notice(
        self,
        room: HostedRoom,
        text: str,
        now: float,
        *,
        event: str,
        session: ClientSession,
        nick: str | None = None,
        was: str | None = None,
    ) -> None:
        nick = nick or room.seats[session].nick
        ts = self.ts(now)
        self.sequencer.notice(room, Notice(text, ts, room.name, event, nick, was, session.fingerprint))

    def tell(self, output: Output) -> None:
        """Adds one thing to send, after what is staged."""
        self._told.append(output)

    def flush(self, now: float) -> None:
        """Stores and publishes what is staged. `take` gives the results."""
        if not self.sequencer.idle:
            self._outputs.extend(self.sequencer.flush(self.ts(now), now))
        if self._told:
            self._outputs += self._told
            self._told = []

    def take(self, now: float) -> list[Output]:
        """Flushes, and gives all that is to be sent, in order."""
        self.flush(now)
        outputs, self._outputs = self._outputs, []
        return outputs


def _verified(session: ClientSession, claimed: str) -> bool:
    return session.identity is not None and claimed != ANON
