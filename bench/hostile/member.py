"""A member that joins a room by its code as anybody does, and then sends whatever an attack makes.

The member underneath stays honest meanwhile: it hears, answers and beacons, unless an attack replaces that.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import zmq
from nacl.signing import SigningKey

from sandpiper.common.codes import parse_code
from sandpiper.common.io.sockets import fleeting
from sandpiper.common.p2p import deeds, packets
from sandpiper.common.p2p.deeds import AnyDeedSaid, Deed
from sandpiper.common.p2p.packets import Shout
from sandpiper.common.p2p.sealing import topic
from sandpiper.peer.p2p.member import Member
from sandpiper.peer.p2p.runner import MemberRunner
from sandpiper.peer.p2p.state.keyring import SessionKeys
from sandpiper.peer.p2p.state.options import How, PeerOptions
from sandpiper.peer.p2p.state.outputs import OutgoingPacket
from sandpiper.peer.p2p.state.peer import Peer
from sandpiper.peer.profile import Profile

TICK_S = 0.02
SUBSCRIBERS = 12
RECORDED = 3000


class HostileMember:
    """One session in the room, and the packets that it makes for the others."""

    def __init__(self, runner: MemberRunner) -> None:
        self.runner = runner
        self.random = random.Random(4)
        self.requests = count(1 << 40)
        self.recorded: list[OutgoingPacket] = []
        self._known: list[Peer] = []
        self._subscribers: list[zmq.Socket[bytes]] = []

    @property
    def member(self) -> Member:
        """The honest member underneath."""
        assert self.runner.member is not None
        return self.runner.member

    @property
    def others(self) -> list[Peer]:
        """Everybody else who is here; once this member is out, who was."""
        if self.member.broken is None:
            self._known = [peer for peer in self.member.peers.values() if peer.here] or self._known
        return self._known

    def to_room(self, said: packets.AnySaid) -> OutgoingPacket:
        """A packet to everybody."""
        return OutgoingPacket(None, self.member.keyring.to_room(said))

    def to_each(self, said: packets.AnyPair) -> Iterator[OutgoingPacket]:
        """The same for each of the others alone."""
        keyring = self.member.keyring
        for peer in self.others:
            session = peer.keys.session
            packet = packets.to_one(keyring.shared(peer.keys), keyring.short, session, os.urandom(24), said)
            yield OutgoingPacket(session, packet)

    def own(self, said: packets.AnyOwn) -> OutgoingPacket:
        """Something that the session says of itself, signed."""
        return self.to_room(self.member.keyring.signed(said))

    def deed(self, said: AnyDeedSaid, tips: list[bytes] | None = None, by: SigningKey | None = None) -> Deed:
        """A deed on the tips that count, or on any."""
        graph = self.member.roster.graph
        identity = by or self.member.keyring.keys.identity
        return deeds.sign(identity, graph.room, graph.tips() if tips is None else tips, said)

    def tell(self, *made: Deed) -> OutgoingPacket:
        """A packet that tells everybody deeds."""
        return self.to_room(Shout(deeds=[each.raw for each in made]))

    def invent(self) -> SessionKeys:
        """A person who never was."""
        return SessionKeys.make(SigningKey.generate(), os.urandom(32), os.urandom)

    def garbage(self, most: int = 400) -> bytes:
        """Random octets."""
        return self.random.randbytes(self.random.randrange(most))

    def subscribe(self, peer: Peer, topics: list[bytes]) -> None:
        """One more connection to a member's port, with these subscriptions; the oldest is hung up."""
        if peer.card is None:
            return
        mesh = self.runner.transport._mesh
        made = fleeting(self.runner._context, zmq.SUB, mesh._keys, peer.keys.curve, 1000)
        for each in topics:
            made.setsockopt(zmq.SUBSCRIBE, each)
        made.connect(f"tcp://127.0.0.1:{peer.card.pub}")
        self._subscribers.append(made)
        if len(self._subscribers) > SUBSCRIBERS:
            self._subscribers.pop(0).close(linger=0)

    async def run(self, make: Callable[[HostileMember], Iterator[OutgoingPacket]], seconds: float,
                  rate: float) -> dict[str, Any]:  # fmt: skip
        """Carries an attack out: at most `rate` packets a second, for so long."""
        stream, sent, fault, begun = make(self), 0, "", time.monotonic()
        while (passed := time.monotonic() - begun) < seconds:
            try:
                while sent < passed * rate and (out := next(stream, None)) is not None:
                    self._send(out)
                    sent += 1
                    if sent % 17 == 0:
                        self.recorded = [*self.recorded[-RECORDED:], out]
            except Exception as error:  # the attack's own fault is to be seen, and the next one goes on
                fault = repr(error)
                break
            self.runner.events.clear()
            self.runner.pump()
            await asyncio.sleep(TICK_S)
        stream.close()  # type: ignore[attr-defined]
        return {"sent": sent, "fault": fault, "broken": str(self.member.broken or "")}

    async def close(self) -> None:
        """Gives back the connections, and leaves the room."""
        for each in self._subscribers:
            each.close(linger=0)
        await self.runner.close()

    def _send(self, out: OutgoingPacket) -> None:
        """Sends over the mesh whether or not the honest half thinks that it may."""
        self.runner.transport._mesh.publish(topic(self.member.keyring.room, out.to or b""), out.packet)


async def join(code: str, nick: str) -> MemberRunner:
    """A session of a new person, in the room."""
    options = PeerOptions(how=How.JOIN, code=parse_code(code), nick=nick, local=True, lan=False)
    runner = MemberRunner(options, Profile.ephemeral(), lambda: None)
    try:
        await runner.start()
    except BaseException:
        await runner.close()
        raise
    return runner
