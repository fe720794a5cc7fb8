"""Probing: asks those who say to hear a member for what that member has signed (as SWIM's indirect probes do).

That somebody says to hear it proves nothing: it may be dead, or never have lived. Its own beacon does, if it answers a
beacon of ours of a moment ago, whoever passes it on.
"""

from __future__ import annotations

from collections.abc import Callable

from sandpiper.common.limits import BEACON_S, GONE_S, PAGE_LEAST, PROBED, PULLED_BYTES, RELAY_AFTER_S, SIGN_BYTES
from sandpiper.common.p2p.packets import Beacon, Echo, Probe, Signed, Signs
from sandpiper.peer.p2p.presence.presence import Presence
from sandpiper.peer.p2p.state.context import Context
from sandpiper.peer.p2p.state.peer import Peer

_OUTSTANDING = 8


class Probing:
    """Asks for others' beacons, once a second what there is to ask, and gives them. `next_request` numbers requests."""

    def __init__(self, context: Context, presence: Presence, next_request: Callable[[], int]) -> None:
        self._context = context
        self._presence = presence
        self._next_request = next_request
        self._witnesses: dict[bytes, dict[bytes, None]] = {}  # short name of who is not heard -> sessions to ask
        self._turn = 0

    def hears(self, witness: Peer, echo: Echo, now: float) -> None:
        """Takes that another member says to hear somebody. Notes whom to ask, if we do not."""
        other = self._presence.named(echo.peer)
        if other is None or other is witness or other.link_up or now - other.known_at < RELAY_AFTER_S:
            return
        if now - other.heard_at > 2 * BEACON_S and echo.held < 2 * BEACON_S:
            self._witnesses.setdefault(other.short, {})[witness.keys.session] = None

    def ask(self) -> None:
        """Asks for whom others have said to hear since the last time. Of several each is asked in turn."""
        asked: dict[bytes, list[bytes]] = {}
        self._turn += 1
        for name, witnesses in self._witnesses.items():
            names = asked.setdefault(list(witnesses)[self._turn % len(witnesses)], [])
            names.append(name)
        self._witnesses.clear()
        for session, names in asked.items():
            peer = self._presence.peers.get(session)
            if peer is None:
                continue
            r, at = self._next_request(), self._turn * PROBED % len(names)
            peer.probes[r] = None
            if len(peer.probes) > _OUTSTANDING:
                del peer.probes[next(iter(peer.probes))]
            self._context.send_to(peer, Probe(r, (names[at:] + names[:at])[:PROBED]))

    def answer(self, peer: Peer, probe: Probe, now: float) -> None:
        """Gives a member the beacons that it asks for, as far as they came here within the last seconds."""
        signs: list[Signed] = []
        size = 0
        for name in probe.peers[:PROBED]:
            other = self._presence.named(name)
            if other is None or other is peer or other.beacon is None or now - other.beacon_heard >= GONE_S:
                continue
            size += len(other.beacon.body)
            if size > PULLED_BYTES:
                break
            signs.append(other.beacon)
        if signs and peer.requests.is_new(probe.r) and not peer.pages.take(max(size, PAGE_LEAST), now):
            self._context.send_to(peer, Signs(probe.r, signs))

    def keep(self, peer: Peer, beacon: Beacon, signed: Signed, now: float) -> None:
        """Takes when a peer has made its last beacon, and keeps it for those who ask."""
        peer.beacon_at, peer.beacon_heard = beacon.at, now
        peer.beacon = signed if len(signed.body) <= SIGN_BYTES else None


def alive_at(beacon: Beacon, me: bytes, now: float) -> float | None:
    """When its maker certainly lived, by our clock: it answers a beacon of ours. None if that is too long ago."""
    heard = (echo.at + min(max(echo.held, 0.0), 2 * BEACON_S) for echo in beacon.echoes if echo.peer == me)
    alive = min(next(heard, float("-inf")), now)
    return alive if now - alive < GONE_S else None
