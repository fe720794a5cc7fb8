"""The engine of a room between peers: the pure member, and the sockets by which its packets travel.

It owns what the member, being pure, cannot have: the mesh, the relays, the meeting points, the clock and chance.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

from sandpiper.common.codes import RoomCode, make_words
from sandpiper.common.errors import Code, NoSuchRoom, Refusal, Rejected, SandpiperError
from sandpiper.common.io.descriptors import raise_file_limit, require
from sandpiper.common.io.sockets import CurveKeys, context
from sandpiper.common.io.tasks import terminated, to_its_end
from sandpiper.common.legacy import Peer as PeerAt
from sandpiper.common.legacy import PeerJoined, PeerLeft, RoomCreated
from sandpiper.common.limits import CLOSE_S, INTERFACES_S, MEMBER_DESCRIPTORS, RELAY_AFTER_S
from sandpiper.common.messages import Draft, Member, Message, RoomInfo
from sandpiper.common.p2p import packets
from sandpiper.common.p2p.packets import Card
from sandpiper.common.rendezvous import PeerCard
from sandpiper.peer.events import Entered, Event, Received, Warned
from sandpiper.peer.known_people import People
from sandpiper.peer.p2p.admission.driver import Admission
from sandpiper.peer.p2p.bootstrap import Statute, enter_room, found_room
from sandpiper.peer.p2p.connectivity import Outlook, milliseconds
from sandpiper.peer.p2p.member import Member as Core
from sandpiper.peer.p2p.rendezvous.client import Rendezvous
from sandpiper.peer.p2p.rendezvous.services import Points
from sandpiper.peer.p2p.state.keyring import SessionKeys
from sandpiper.peer.p2p.state.options import How, PeerOptions
from sandpiper.peer.p2p.state.outputs import Came, Drop, NewCard, NewEpoch, Reach, Settings
from sandpiper.peer.p2p.state.peer import Peer, State, Way
from sandpiper.peer.p2p.transport import Ways, WaysHeard
from sandpiper.peer.status import PathInfo, RoomStatus, Verification

log = logging.getLogger("sandpiper.peer")
_PATHS_S: Final = 0.5
_TOGETHER_S: Final = 0.1
"""What is due so soon after something else is done with it: each wake-up costs."""
_EXPECT_S: Final = 2.0
"""Who is there is asked right after entering: the others have this long to be heard."""


class P2PEngine:
    """See Engine. Made on a running loop."""

    def __init__(self, wish: PeerOptions, turned: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._wish = wish
        self._turned = turned
        raise_file_limit()
        require(MEMBER_DESCRIPTORS)
        self._context = context()
        self._curve = CurveKeys.make()
        self._keys = SessionKeys.make(wish.profile.signing_key, self._curve.public, os.urandom)
        self._people = People(wish.profile)
        self._core: Core | None = None
        self._admission: Admission | None = None
        self.events: deque[Event] = deque()
        self.moved = asyncio.Event()
        heard = WaysHeard(self._received, self._relayed, self._heard_by_more, self._relays_moved, self._stir)
        self._ways = Ways(self._context, self._curve, wish, lambda: self._core, heard)
        self._points = Points(self._context, wish, self)
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = float("inf")
        self._looked_at = self._look_at = self._interfaces_at = float("inf")
        self._whispers: dict[str, asyncio.Future[None]] = {}
        self._outlook = Outlook(self._ways)
        self._late: dict[Peer, asyncio.TimerHandle] = {}  # who came, and is not told of yet
        self._status: RoomStatus | None = None
        self._inside = False
        self._reading = asyncio.Lock()
        self._closed = False

    # Entering and leaving ----------------------------------------------------------------------------------

    async def start(self) -> None:
        """See Engine."""
        try:
            await self._start()
        except BaseException:
            await to_its_end(self._let_go())
            raise

    async def _start(self) -> None:
        wish = self._wish
        self._ways.bind()
        nameplate = wish.code.nameplate if wish.code is not None else None
        await self._points.open(nameplate)
        if wish.how is How.CREATE:
            await self._create(None)
        elif wish.how is How.JOIN:
            await self._join()
        else:
            await self._join_or_create()
        self._go()

    async def _join_or_create(self) -> None:
        try:
            await self._join()
        except NoSuchRoom:
            await self._points.ensure_local()
            self._points.check()
            try:
                await self._create(self._wish.code)
            except Rejected:
                await self._join()  # somebody was faster

    async def _create(self, code: RoomCode | None) -> None:
        wish = self._wish
        words = code.words if code is not None else make_words(wish.words, _randbelow)
        nameplate = code.nameplate if code is not None else 0
        core = found_room(
            self._keys,
            RoomCode(words, nameplate),
            wish.password,
            Statute(wish.capacity, wish.history),
            self._settings(),
            now=time.monotonic(),
            wall=time.time,
            entropy=os.urandom,
        )
        self._core = core
        self._set_card(core)
        registration = core.keyring.epoch.registration
        try:
            leased = await self._points.claim_fresh(nameplate, registration, self._blob(core))
        except Refusal as refusal:
            self._core = None
            if refusal.code is Code.TAKEN and nameplate:
                raise Rejected(f"room {nameplate} is somebody else's now; try again to join it") from None
            raise Rejected(f"the discovery service gives no room: {refusal.text}") from None
        core.rule.settle_at(RoomCode(words, leased.nameplate))
        self.events.append(RoomCreated(str(core.rule.code), leased.expires_at))

    async def _join(self) -> None:
        wish, code = self._wish, self._wish.code
        assert code is not None
        groups = await self._points.lookup(code.nameplate)
        self._admission = Admission(self._keys, code, wish.password, self._first_card(), groups)
        try:
            welcome = await self._admission.run()
        finally:
            self._admission = None
        self._core = enter_room(
            self._keys,
            welcome,
            code,
            wish.password,
            self._settings(),
            backlog=wish.backlog,
            now=time.monotonic(),
            wall=time.time,
            entropy=os.urandom,
        )
        await self._points.ensure_local()
        self._set_card(self._core)
        await self._points.lease(code.nameplate, self._core.keyring.epoch.registration, self._blob(self._core))

    def _first_card(self) -> Card:
        """Whom a sponsor lets in, the others are to reach at once."""
        wish = self._wish
        self._ways.look(self._observed())
        return Card(self._keys.session, 0, wish.nick, quiet=wish.quiet, **self._ways.card())

    def _settings(self) -> Settings:
        return Settings(self._wish.nick, self._wish.quiet)

    def _go(self) -> None:
        """Inside: opens every way, and starts the clock."""
        self._ways.enter(self.core)
        self._use_relays()
        self.events.append(Entered(self.name, self.core.settings.nick))
        self._inside = True
        self._warn()
        self._looked_at = float("-inf")
        self._interfaces_at = time.monotonic() + INTERFACES_S
        self._stir()
        self.turn()

    async def close(self) -> None:
        """See Engine."""
        if self._core is not None and not self._closed:
            self._core.gossip.bye(time.monotonic())
            self.turn()
            await asyncio.sleep(0)
        await self._let_go()

    async def _let_go(self) -> None:
        if self._closed:
            return
        self._closed = True
        self.moved.set()  # whoever waits for an answer gets none
        for timer in (self._timer, *self._late.values()):
            if timer is not None:
                timer.cancel()
        for waiting in self._whispers.values():
            if not waiting.done():
                waiting.set_exception(Refusal(Code.CLOSING, "the room was closed before the whisper had arrived"))
        # A socket that something has left open would keep the process from ending: it is closed with its context.
        try:
            closing = asyncio.gather(self._points.close(), self._ways.close(), return_exceptions=True)
            await asyncio.wait_for(closing, CLOSE_S)
        except asyncio.TimeoutError:
            log.warning("a room was left without a goodbye, which took over %.0f s", CLOSE_S)
            self._context.destroy(linger=0)
        except BaseException:
            self._context.destroy(linger=0)
            raise
        else:
            await terminated(partial(self._context.destroy, 0))

    @property
    def core(self) -> Core:
        """The pure half, once inside."""
        assert self._core is not None
        return self._core

    # Cards and ways ----------------------------------------------------------------------------------------

    def _set_card(self, core: Core) -> None:
        self._ways.look(self._observed())
        core.gossip.set_card(**self._ways.card(), service=self._points.service_port)

    def _observed(self) -> list[str]:
        return [point.observed for point in self._points.up()]

    def _blob(self, core: Core) -> bytes:
        return packets.seal_card(core.keyring.epoch, os.urandom(24), core.gossip.signed_card())

    def _use_relays(self) -> None:
        announced = [broker for point in self._points.up() for broker in point.brokers]
        self._ways.use_relays(self.core, announced)

    def _relays_moved(self) -> None:
        for text in self._ways.refusals():
            self.events.append(Warned("relay", text))
            self._turned()
        self._stir()
        if self._core is not None and self._core.gossip.card.relays != self._ways.relays:
            self._core.gossip.set_card(relays=self._ways.relays)
            self.turn()

    # What the shells say -----------------------------------------------------------------------------------

    def _received(self, frames: list[bytes], source: bytes | None) -> None:
        core = self._core
        if core is None:
            return
        now = time.monotonic()
        for frame in frames:
            core.receive(frame, Way.MESH, now, source)
        core.settle(now)
        self.turn()

    def _heard_by_more(self, session: bytes | None) -> None:
        """Somebody has begun to hear us, and should not wait for the next beacon; or `session` what is for it alone."""
        core, now = self._core, time.monotonic()
        if core is None:
            return
        if session is None:
            core.gossip.hurry(now)
            self._set_clock()
        else:
            peer = core.peers.get(session)
            if peer is not None:
                core.gossip.greet(peer, now, card=True)
            core.ask_again(session, now)
            core.settle(now)
            self.turn()

    def _relayed(self, packet: bytes) -> None:
        if self._core is not None:
            now = time.monotonic()
            self._core.receive(packet, Way.RELAY, now)
            self._core.settle(now)
            self.turn()

    def letter(self, point: Rendezvous, sender: bytes, body: bytes) -> None:
        """The points: a letter for us."""
        if self._admission is not None:
            self._admission.letter(point, sender, body)
        elif self._core is not None:
            self._core.letter(sender, body, time.monotonic())
            letters, self._core.sponsor.letters = self._core.sponsor.letters, []
            for mailbox, answer in letters:
                point.post(mailbox, answer)
            self.turn()

    def cards(self, point: Rendezvous, cards: list[PeerCard]) -> None:
        """The points: members' cards."""
        if self._core is not None:
            leased = {each.mailbox: self._core.gossip.lease_card(each.blob) for each in cards}
            self._outlook.lease(point, set(leased.values()))
            self._core.reunion.leased(point, leased, time.monotonic())
            self._core.presence.lease(self._outlook.there())
            self._stir()
            self.turn()

    def point_moved(self) -> None:
        """The points: a service came or went."""
        if self._core is not None:
            self._core.presence.lease(self._outlook.there())
            self._use_relays()
            self._warn()
            self._stir()

    def _warn(self) -> None:
        """What the points found out while there was no room yet waits for it."""
        if not self._inside:
            return
        warnings, self._points.warnings = self._points.warnings, []
        if warnings:
            self.events.extend(warnings)
            self._turned()

    # What the member wants ---------------------------------------------------------------------------------

    def turn(self) -> None:
        """Carries out what the member wants, hands its events on, sets the clock."""
        core = self._core
        if core is None or self._closed:
            return
        self._look()
        self._status = None
        commands, core.commands = core.commands, []
        for command in commands:
            self._carry_out(command)
        if commands:
            self._stir()
        outs, core.outs = core.outs, []
        for out in outs:
            self._ways.send(core, out)
        self._write(core)
        self._answer(core)
        if self._late and any(isinstance(event, Received) and not event.own for event in core.events):
            for peer in list(self._late):  # nobody says anything before having come
                self._say_joined(peer)
        self.events.extend(core.events)
        core.events.clear()
        self._turned()
        self._set_clock()
        self.moved.set()

    def _write(self, core: Core) -> None:
        letters, core.reunion.letters = core.reunion.letters, []
        for point, mailbox, packet in letters:
            if isinstance(point, Rendezvous):
                point.post(mailbox, packet)

    def _carry_out(self, command: object) -> None:
        core = self.core
        match command:
            case Reach():
                self._ways.reach(command.session)
            case Drop():
                self._ways.drop(command.session, command.curve)
            case Came():
                self._came(command.peer, here=command.here)
            case NewCard():
                self._points.update(self._blob(core))
            case NewEpoch():
                self._points.rotate(core.keyring.epoch.registration, self._blob(core))
                self._ways.new_epoch(core, cut=command.cut)

    def _came(self, peer: Peer, *, here: bool) -> None:
        if peer in self._late:
            self._say_joined(peer)
        if not here:
            self.events.append(PeerLeft(self.name, peer.nick))
            return
        self._recognise(peer)
        if self._ways.address(peer.keys.curve) is None and peer.path(time.monotonic()) != "relay":
            # It was faster than our own line to it, which is about to stand.
            self._late[peer] = self._loop.call_later(RELAY_AFTER_S, self._say_joined, peer)
        else:
            self._say_joined(peer)

    def _say_joined(self, peer: Peer) -> None:
        late = self._late.pop(peer, None)
        if late is not None:
            late.cancel()
        address = self._ways.address(peer.keys.curve)
        at = PeerAt(peer.nick, address, peer.card.pub if peer.card is not None and address else None)
        self.events.append(PeerJoined(self.name, at))
        self._turned()

    def _recognise(self, peer: Peer) -> None:
        other = self._people.other(peer.nick, peer.fingerprint)
        if other is not None:
            text = (
                f"{peer.nick} has another key than when you met before: {peer.fingerprint}, then {other}. "
                f"It may be somebody else: /verify {peer.nick}"
            )
            self.events.append(Warned("key", text))
        elif not peer.quiet:
            self._people.meet(peer.nick, peer.fingerprint)
        if news := self._people.news():
            self.events.append(Warned("storage", news))

    def _answer(self, core: Core) -> None:
        answers, core.answers = core.answers, []
        for name, refusal in answers:
            waiting = self._whispers.pop(name, None)
            if waiting is None or waiting.done():
                continue
            if refusal is None:
                waiting.set_result(None)
            else:
                waiting.set_exception(refusal)

    # Time --------------------------------------------------------------------------------------------------

    def _set_clock(self) -> None:
        if self._core is None or self._closed:
            return
        due, own = self._core.get_timer(), min(self._look_at, self._interfaces_at)
        if own < due - _TOGETHER_S:
            due = own
        if due >= self._timer_at:
            return  # one that rings too early finds nothing due, and is set anew: cheaper than to move it each time
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = due
        self._timer = self._loop.call_later(max(due - time.monotonic(), 0.0), self._ring)

    def _ring(self) -> None:
        self._timer, self._timer_at = None, float("inf")
        if self._core is not None:
            self._core.handle_timer(time.monotonic())
            self.turn()

    def _stir(self) -> None:
        """Something has moved that the paths depend on: they are to be looked at, but not too often."""
        self._status = None
        self._look_at = min(self._look_at, self._looked_at + _PATHS_S)
        self._set_clock()

    def _look(self) -> None:
        """What nobody tells us of: another summary of the paths, other addresses. In one turn with what else is due."""
        now = time.monotonic()
        if now >= self._look_at - _TOGETHER_S:
            changed = self._outlook.changed(self.core, now)
            if changed is not None:
                self.events.append(changed)
            self._ways.bring(self.core)
            self._looked_at = now
            self._look_at = max(self._outlook.holds_until(self.core, now), now + _PATHS_S)
        if now >= self._interfaces_at - _TOGETHER_S:
            self._interfaces_at = now + INTERFACES_S
            if self._ways.look(self._observed()):
                self._set_card(self.core)
                self._points.look()

    # See Engine --------------------------------------------------------------------------------------------

    @property
    def broken(self) -> SandpiperError | None:
        """See Engine."""
        return self._core.broken if self._core is not None else None

    @property
    def status(self) -> RoomStatus:
        """See Engine. It holds until the next turn: to ask what the paths are costs something with each member."""
        if self._status is None:
            self._status = self._status_now(self.core, time.monotonic())
        return self._status

    def _status_now(self, core: Core, now: float) -> RoomStatus:
        times = [peer.rtt_s for peer in core.peers.values() if peer.here and peer.rtt_s is not None]
        return RoomStatus(
            name=self.name,
            where="p2p",
            code=self.name,
            password_needed=core.ledger.founding.password,
            nick=core.settings.nick,
            fingerprint=core.keyring.fingerprint,
            path=self._outlook.summary(core, now)[0],
            rtt_ms=min(times) * 1000 if times else None,
            run=core.run.hex(),
            seq=core.talk.last,
            alone=self._alone(core),
            trouble=self._outlook.trouble(core, now),
        )

    @property
    def name(self) -> str:
        """The room's name, which is its code."""
        return str(self.core.rule.code)

    @property
    def full(self) -> bool:
        """See Engine. Alone, nothing waits for anybody."""
        core = self._core
        return core is not None and core.talk.full and not self._alone(core)

    @property
    def empty(self) -> bool:
        """See Engine."""
        return not self.core.talk.waiting

    @property
    def progressed_at(self) -> float:
        """See Engine."""
        return self.core.talk.progressed_at

    def _alone(self, core: Core) -> bool:
        return core.presence.alone and not self._outlook.unreached(core)

    def post(self, draft: Draft, now: float) -> str:
        """See Engine."""
        core = self.core
        return core.talk.post(draft, core.settings.nick, int(time.time()), now)

    def post_as_tool(self, draft: Draft, nick: str, now: float) -> str:
        """As `post`, for a program beside the member: under a nick that no key owns."""
        return self.core.talk.post(draft, nick, int(time.time()), now, tool=True)

    def flush(self, now: float) -> None:
        """See Engine."""
        self.core.flush(now)
        self.turn()

    def hold(self, on: bool) -> None:
        """See Engine."""
        if self._core is not None and not self._closed:
            self._core.hold(on)
            if not on:
                self._loop.call_soon(self.turn)

    async def members(self) -> list[Member]:
        """See Engine: oneself first."""
        core = self.core
        until = core.entered_at + _EXPECT_S
        while any(peer.state is State.EXPECTED for peer in core.peers.values()) and time.monotonic() < until:
            self.moved.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.moved.wait(), until - time.monotonic())
        now = time.monotonic()
        me = [] if core.settings.quiet else [Member(core.settings.nick, core.keyring.fingerprint, True, "self")]
        return me + [
            Member(peer.nick, peer.fingerprint, True, peer.path(now), milliseconds(peer.rtt_s))
            for peer in core.peers.values()
            if peer.here and not peer.quiet
        ]

    async def rooms(self) -> list[RoomInfo]:
        """See Engine: there is just this one."""
        stored = sum(track.log.head for (_, stream), track in self.core.replica.tracks.items() if stream == 0)
        return [RoomInfo(self.name, len(await self.members()), stored)]

    async def claim(self, nick: str) -> None:
        """See Engine."""
        self.core.gossip.rename(nick)
        self.turn()

    async def whisper(self, to: str, text: str) -> None:
        """See Engine."""
        name = os.urandom(8).hex()
        self.core.whispering.send(to, text, name, time.monotonic())
        waiting = self._whispers[name] = self._loop.create_future()
        self.turn()
        await waiting

    async def verify(self, nick: str) -> list[Verification]:
        """See Engine."""
        return self.core.rule.verify(nick)

    async def kick(self, nick: str) -> None:
        """See Engine."""
        self.core.rule.kick(nick)
        self.turn()

    async def name_owner(self, nick: str) -> None:
        """See Engine."""
        self.core.rule.name_owner(nick)
        self.turn()

    async def rotate(self) -> str:
        """See Engine."""
        code = self.core.rule.rotate()
        self.turn()
        return code

    async def older(self, before: int | Message | None) -> list[Message]:
        """See Engine: of what a member holds itself, or others give it."""
        if isinstance(before, int):
            raise Refusal(Code.INVALID, "between peers each has numbers of their own: older(message), not its seq")
        async with self._reading:
            core = self.core
            core.past.ask(before, time.monotonic())
            self.turn()
            while (found := core.past.found) is None:
                if self._closed:
                    raise Refusal(Code.CLOSING, "the room was closed before there was an answer")
                self.moved.clear()
                await self.moved.wait()
            return found

    @property
    def no_older(self) -> str:
        """See Engine."""
        return self.core.past.why

    async def paths(self) -> list[PathInfo]:
        """See Engine."""
        return self._outlook.paths(self.core, time.monotonic())


def _randbelow(most: int) -> int:
    import secrets

    return secrets.randbelow(most)
