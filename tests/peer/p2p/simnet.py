"""An in-memory town: members on seeded links that drop, repeat and reorder. Time jumps to whatever is due next."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count

from nacl.signing import SigningKey

from sandpiper.common.codes import RoomCode
from sandpiper.common.messages import Message, MsgDraft
from sandpiper.common.p2p.admission import Application
from sandpiper.peer.events import Delivered, Event, Received, Warned
from sandpiper.peer.p2p.admission.box_queue import Box
from sandpiper.peer.p2p.admission.joiner import Joiner
from sandpiper.peer.p2p.bootstrap import RoomPolicy, enter_room, found_room
from sandpiper.peer.p2p.member import Member
from sandpiper.peer.p2p.state.keyring import SessionKeys
from sandpiper.peer.p2p.state.outputs import Answer, Drop, MemberSettings, NewEpoch, OutgoingLetter
from sandpiper.peer.p2p.state.peer import Way

WALL = 1_700_000_000.0
CODE = RoomCode(("pine", "ocean"), 42)


@dataclass(frozen=True, slots=True)
class Weather:
    """Chances of one packet."""

    drop: float = 0.0
    repeat: float = 0.0
    delay_s: float = 0.0


@dataclass(eq=False)
class Citizen:
    """One member, its mailbox, and what it has been told."""

    name: str
    keys: SessionKeys
    member: Member
    mailbox: bytes
    events: list[Event] = field(default_factory=list)
    letters: list[OutgoingLetter] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    asleep: bool = False
    dead: bool = False
    relay: bool = False
    cuts: int = 0

    @property
    def heard(self) -> list[Message]:
        return [event.message for event in self.events if isinstance(event, Received)]

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.heard if hasattr(message, "text")]

    @property
    def delivered(self) -> list[int]:
        return [event.seq for event in self.events if isinstance(event, Delivered)]

    @property
    def warned(self) -> list[str]:
        return [event.kind for event in self.events if isinstance(event, Warned)]


class Town:
    """One room and whoever is in it."""

    def __init__(self, seed: int = 0, weather: Weather | None = None) -> None:
        self.random = random.Random(seed)
        self.weather = weather or Weather()
        self.now = 1000.0
        self.citizens: list[Citizen] = []
        self.cut: set[frozenset[str]] = set()  # pairs without a direct link
        self.letters_dropped = 0
        self.tamper: Callable[[bytes, bytes], bytes | None] = lambda mailbox, body: body
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()

    def wall(self) -> float:
        return WALL + self.now

    # KnownPeople --------------------------------------------------------------------------------------------------

    def _keys(self, identity: SigningKey | None) -> SessionKeys:
        identity = identity or SigningKey(self.random.randbytes(32))
        return SessionKeys.make(identity, self.random.randbytes(32), self.random.randbytes)

    def found(self, name: str, password: str | None = None, capacity: int = 64, history: str = "epoch") -> Citizen:
        keys = self._keys(None)
        member = found_room(
            keys,
            CODE,
            password,
            RoomPolicy(capacity, history),
            MemberSettings(name),
            now=self.now,
            wall=self.wall,
            entropy=self.random.randbytes,
        )
        return self._settle_in(name, keys, member)

    def _settle_in(self, name: str, keys: SessionKeys, member: Member) -> Citizen:
        citizen = Citizen(name, keys, member, self.random.randbytes(16))
        self.citizens.append(citizen)
        self.collect(citizen)
        return citizen

    def joiner(
        self,
        name: str,
        code: RoomCode = CODE,
        password: str | None = None,
        identity: SigningKey | None = None,
        at: list[Citizen] | None = None,
        quiet: bool = False,
        boxes: list[list[Box]] | None = None,
        *,
        searches: bool = False,
    ) -> tuple[Joiner, SessionKeys]:
        keys = self._keys(identity)

        def apply(room: bytes) -> Application:
            from sandpiper.common.p2p import packets
            from sandpiper.common.p2p.packets import Card, Carded, Signed

            body = packets.encode(Carded(0, Card(keys.session, 0, name, quiet=quiet)))
            signature = keys.signing.sign(packets.own_text(room, body)).signature
            return Application(keys.vouched(room), Signed(keys.session, body, signature))

        there = [each for each in (at or self.citizens) if not (each.dead or each.asleep)]
        joiner = Joiner(
            [[("", each.mailbox) for each in there]] if boxes is None else boxes,
            nameplate=code.nameplate,
            words=code.secret,
            password=password,
            apply=apply,
            entropy=self.random.randbytes,
            now=self.now,
            searches=searches,
        )
        return joiner, keys

    def attempt(self, joiner: Joiner, seconds: float = 60.0) -> None:
        """Lets a joiner try until it is done."""
        me = self.random.randbytes(16)
        end = self.now + seconds
        while not joiner.done and self.now < end:
            self._post(joiner, me)
            timer = joiner.get_timer()
            self._step(min(end, timer if timer is not None else end))
            if timer is not None and timer <= self.now:
                joiner.handle_timer(self.now)

    def _post(self, joiner: Joiner, me: bytes) -> None:
        letters, joiner.letters = joiner.letters, []
        for box, body in letters:
            for citizen in self.citizens:
                if citizen.mailbox == box[1] and not citizen.dead:
                    changed = self.tamper(box[1], body)
                    if changed is not None:
                        self.later(0.001, partial(self._letter, citizen, me, changed, joiner, box))

    def _letter(self, citizen: Citizen, me: bytes, body: bytes, joiner: Joiner, box: Box) -> None:
        if citizen.dead or citizen.asleep:
            return
        letters = citizen.member.letter(me, body, self.now)
        self.collect(citizen)
        for _, answer in letters:
            changed = self.tamper(me, answer)
            if changed is not None:
                self.later(0.001, partial(self._answer, joiner, box, changed, me))

    def _answer(self, joiner: Joiner, box: Box, body: bytes, me: bytes) -> None:
        joiner.letter(box, body, self.now)
        self._post(joiner, me)

    def join(
        self,
        name: str,
        code: RoomCode = CODE,
        password: str | None = None,
        identity: SigningKey | None = None,
        *,
        backlog: int | None = None,
        at: list[Citizen] | None = None,
        quiet: bool = False,
    ) -> Citizen:
        joiner, keys = self.joiner(name, code, password, identity, at, quiet)
        self.attempt(joiner)
        if joiner.error is not None:
            raise joiner.error
        return self.enter(name, keys, joiner, code, password, backlog=backlog, quiet=quiet)

    def enter(
        self,
        name: str,
        keys: SessionKeys,
        joiner: Joiner,
        code: RoomCode = CODE,
        password: str | None = None,
        *,
        backlog: int | None = None,
        quiet: bool = False,
    ) -> Citizen:
        """Makes a member of a joiner that has been let in."""
        assert joiner.welcome is not None
        member = enter_room(
            keys,
            joiner.welcome,
            code,
            password,
            MemberSettings(name, quiet),
            backlog=backlog,
            now=self.now,
            wall=self.wall,
            entropy=self.random.randbytes,
        )
        member.report_guesses(joiner.missed)
        return self._settle_in(name, keys, member)

    # Packets -------------------------------------------------------------------------------------------------

    def linked(self, one: Citizen, other: Citizen) -> bool:
        return frozenset((one.name, other.name)) not in self.cut

    def collect(self, citizen: Citizen) -> None:
        member = citizen.member
        outputs = member.take()
        citizen.events += member.tell()
        presence = member.presence
        assert all(presence.peer_of(curve) is peer for curve, peer in list(presence.by_curve.items()))
        for session, speaker in member.display._speakers.items():
            assert all(member.names.called(session, nick) == shown for nick, shown in speaker.nicks.items())
        citizen.letters += outputs.letters
        citizen.answers += outputs.answers
        for out in outputs.packets:
            for other in self.citizens:
                if other is citizen or other.dead or (out.to is not None and out.to != other.keys.session):
                    continue
                self._send(citizen, other, out.packet)
        for command in outputs.commands:
            citizen.cuts += isinstance(command, NewEpoch) and command.cut
            assert not isinstance(command, Drop) or command.session not in member.peers

    def _send(self, citizen: Citizen, other: Citizen, packet: bytes) -> None:
        peer = citizen.member.peers.get(other.keys.session)
        if self.linked(citizen, other) and other.member.presence.admits(citizen.keys.curve):
            self._by(citizen, other, packet, Way.MESH)
        if citizen.relay and other.relay and peer is not None and peer.wants_relay(self.now):
            self._by(citizen, other, packet, Way.RELAY)

    def _by(self, sender: Citizen, other: Citizen, packet: bytes, way: Way) -> None:
        copies = (self.random.random() >= self.weather.drop) + (self.random.random() < self.weather.repeat)
        for _ in range(copies):
            delay = 0.0005 + self.random.random() * self.weather.delay_s
            self.later(delay, partial(self.arrive, sender, other, packet, way))

    def arrive(self, sender: Citizen, other: Citizen, packet: bytes, way: Way) -> None:
        if other.dead:
            return
        if other.asleep:
            self.later(1.0, partial(self.arrive, sender, other, packet, way))
            return
        curve = sender.keys.curve if way is Way.MESH else None
        due = other.member.get_timer()
        calm = other.member.receive(packet, way, self.now, curve)
        other.member.settle(self.now)
        assert not calm or other.member.get_timer() >= due
        self.collect(other)

    def post(self, citizen: Citizen, text: str) -> str:
        member = citizen.member
        name = member.message_log.post(MsgDraft(text=text), citizen.name, int(self.wall()), self.now)
        member.flush(self.now)
        self.collect(citizen)
        return name

    # Time ----------------------------------------------------------------------------------------------------

    def later(self, delay_s: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.now + delay_s, next(self._order), call))

    def _awake(self) -> list[Citizen]:
        return [each for each in self.citizens if not (each.dead or each.asleep)]

    def _step(self, end: float) -> None:
        timers = [each.member.get_timer() for each in self._awake()]
        nexts = [end, *timers, *(due for due, _, _ in self._due[:1])]
        self.now = max(self.now, min(nexts))
        while self._due and self._due[0][0] <= self.now:
            heapq.heappop(self._due)[2]()
        for citizen in self._awake():
            if citizen.member.get_timer() <= self.now:
                citizen.member.handle_timer(self.now)
                self.collect(citizen)

    def settle(self, seconds: float = 5.0) -> None:
        """Lets time pass, jumping from one thing that is due to the next."""
        end = self.now + seconds
        while self.now < end:
            self._step(end)


def rests(citizen: Citizen, now: float) -> bool:
    """Whether its clock comes to rest once what is due has been done."""
    for _ in range(10):
        if citizen.member.get_timer() > now:
            return True
        citizen.member.handle_timer(now)
    return False
