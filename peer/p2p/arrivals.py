"""Arrivals: tells the user who comes and goes, and whether a person is the one that it was before."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from sandpiper.common.legacy import Peer as PeerAt
from sandpiper.common.legacy import PeerJoined, PeerLeft
from sandpiper.common.limits import RELAY_AFTER_S
from sandpiper.peer.events import Event, Warned
from sandpiper.peer.known_people import KnownPeople
from sandpiper.peer.p2p.state.peer import Peer
from sandpiper.peer.p2p.transport import Transport


class Arrivals:
    """Makes PeerJoined and PeerLeft of a room, and warns of a known nick that has another key. `tell` gets them.

    A peer that was faster than our own connection to it is told of a little later, with its address; until then it is
    among `late`.
    """

    def __init__(self, transport: Transport, people: KnownPeople, tell: Callable[[Event], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._people = people
        self._tell = tell
        self.late: dict[Peer, asyncio.TimerHandle] = {}

    def came(self, room: str, peer: Peer) -> None:
        """Tells that a peer is here, now or in a moment."""
        self._tell_late(room, peer)
        if self._transport.address(peer.keys.curve) is None and peer.path(time.monotonic()) != "relay":
            self.late[peer] = self._loop.call_later(RELAY_AFTER_S, self._joined, room, peer)
        else:
            self._joined(room, peer)

    def left(self, room: str, peer: Peer) -> None:
        """Tells that a peer is gone."""
        self._tell_late(room, peer)
        self._tell(PeerLeft(room, peer.nick))

    def flush(self, room: str) -> None:
        """Tells of those who wait: they are about to be heard, and nobody says anything before having come."""
        for peer in list(self.late):
            self._joined(room, peer)

    def close(self) -> None:
        """Tells of nobody any more."""
        for timer in self.late.values():
            timer.cancel()

    def _tell_late(self, room: str, peer: Peer) -> None:
        if peer in self.late:
            self._joined(room, peer)

    def _joined(self, room: str, peer: Peer) -> None:
        late = self.late.pop(peer, None)
        if late is not None:
            late.cancel()
        address = self._transport.address(peer.keys.curve)
        at = PeerAt(peer.nick, address, peer.card.pub if peer.card is not None and address else None)
        self._tell(PeerJoined(room, at))

    def recognise(self, peer: Peer) -> None:
        """Warns if a peer, announced or not, bears the nick of a person who had another key."""
        other = self._people.other(peer.nick, peer.fingerprint)
        if other is not None:
            text = (
                f"{peer.nick} has another key than when you met before: {peer.fingerprint}, then {other}. "
                f"It may be somebody else: /verify {peer.nick}"
            )
            self._tell(Warned("key", text))
        elif not peer.quiet:
            self._people.meet(peer.nick, peer.fingerprint)
        if news := self._people.news():
            self._tell(Warned("storage", news))
