"""Connectivity: how each member is reached, and why not, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, Protocol, TypeAlias

from sandpiper.peer.events import WRITING_WAITS, PathChanged
from sandpiper.peer.p2p.state.link import FITFUL, Link
from sandpiper.peer.p2p.state.peer import Peer, PeerState
from sandpiper.peer.status import PathInfo

Peers: TypeAlias = Mapping[bytes, Peer]
_WORDS: Final = {
    "direct": "direct",
    "lan": "on this network",
    "relay": "by relay",
    "via": "through others",
    "none": "not reached",
}
_NAMED: Final = 3
_DEAF: Final = "it is heard, and does not hear what is sent from here"


class LeasingService(Protocol):
    """A discovery service, as far as it matters here."""

    @property
    def up(self) -> bool:
        """Whether it answers at the moment."""


class Links(Protocol):
    """A transport, as far as it matters here."""

    def links(self) -> dict[bytes, Link]:
        """How each peer is connected, by its mesh key."""

    def trouble(self, peer: Peer) -> str:
        """Why a peer is reached by no relay."""


class Connectivity:
    """Says in words how a session reaches its peers.

    `leased` are the sessions that hold a lease at each discovery service, as it last said.
    """

    def __init__(self, transport: Links) -> None:
        self._transport = transport
        self._last = ("", "")
        self.leased: dict[LeasingService, set[bytes]] = {}

    def summary(self, peers: Peers, now: float) -> tuple[str, str]:
        """The worst of the paths, and all of them in words; `alone` without anybody."""
        paths = [self._path(peer, peers, now) for peer in peers.values() if peer.here and not peer.quiet]
        if paths and set(paths) == {"none"}:
            fitful = [peer.nick for peer in peers.values() if peer.here and not peer.quiet and peer.fitful]
            return "connecting", f"{fitful[0]} is not reached: {FITFUL}" if fitful else "reaching the others"
        if not paths:
            if any(peer.state is PeerState.EXPECTED for peer in peers.values()):
                return "connecting", "looking for a way to the others" + WRITING_WAITS
            trouble = self.trouble(peers, now)
            return ("none", trouble) if trouble else ("alone", "nobody else is here")
        words = [text for path, text in _WORDS.items() if path in paths]
        return max(paths, key=list(_WORDS).index), "connected: " + ", ".join(words)

    def changed(self, peers: Peers, now: float) -> PathChanged | None:
        """The summary, if it is another than last time; why somebody is not reached may change all the time."""
        path, text = self.summary(peers, now)
        known, self._last = self._last, (path, "" if path == "none" else text)
        return None if self._last == known else PathChanged(path, text)

    def holds_until(self, peers: Peers, now: float) -> float:
        """How long the last summary is true if nobody's line, lease or state moves; `now` for who knows."""
        if self._last[0] == "none" or any(peer.state is PeerState.EXPECTED for peer in peers.values()):
            return now
        return min((peer.direct_until(now) for peer in peers.values() if peer.here), default=math.inf)

    def lease(self, service: LeasingService, sessions: set[bytes]) -> None:
        """Takes which sessions hold a lease at a service now; one without any, such as one given up, is forgotten."""
        if sessions:
            self.leased[service] = sessions
        else:
            self.leased.pop(service, None)

    def present(self) -> set[bytes]:
        """The sessions that the services which are up say to be there."""
        return set().union(*(sessions for point, sessions in self.leased.items() if point.up))

    def unreached(self, peers: Peers) -> list[Peer]:
        """Members that a discovery service knows to be there, and that we do not hear, yet or any more."""
        leased = self.present()
        return [
            peer
            for session, peer in peers.items()
            if session in leased and peer.state in (PeerState.EXPECTED, PeerState.GONE)
        ]

    def trouble(self, peers: Peers, now: float) -> str:
        """Why these are not reached; empty without any."""
        links = self._transport.links()
        errors = [(peer.nick, self._error(peer, links, now)) for peer in self.unreached(peers)[:_NAMED]]
        return "; ".join(f"{nick} is not reached: {error or 'no answer'}" for nick, error in errors)

    def paths(self, peers: Peers, now: float) -> list[PathInfo]:
        """How each is reached."""
        unreached, links = self.unreached(peers), self._transport.links()
        return [
            PathInfo(
                peer.nick,
                peer.fingerprint,
                self._path(peer, peers, now),
                milliseconds(peer.rtt_s),
                self._error(peer, links, now),
            )
            for peer in peers.values()
            if not peer.quiet and (peer.here or peer.state is PeerState.EXPECTED or peer in unreached)
        ]

    def _error(self, peer: Peer, links: dict[bytes, Link], now: float) -> str:
        """Why it is not reached, or not directly; empty if it is."""
        link = links.get(peer.keys.curve)
        error = "" if peer.direct(now) else (link.error if link is not None else "") or peer.error
        if not error and peer.hears(now) and not peer.reached(now):
            error = _DEAF
        if peer.path(now) in ("via", "none") and (trouble := self._transport.trouble(peer)):
            error = f"{error}; {trouble}" if error else trouble
        return error

    def _path(self, peer: Peer, peers: Peers, now: float) -> str:
        """The peer's path; `via` only where there is another member to go through.

        A peer that we hear over the mesh, and that does not hear us so, has no reason to answer by relay, by which we
        reach it.
        """
        path = peer.path(now)
        if path == "via" and peer.hears(now) and not self._transport.trouble(peer):
            return "relay"
        if path == "via" and not any(other.here for other in peers.values() if other is not peer):
            return "none"
        return path


def milliseconds(seconds: float | None) -> float | None:
    """The same in milliseconds, as people and JSON are told."""
    return None if seconds is None else round(seconds * 1000, 3)
