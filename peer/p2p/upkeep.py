"""What a member looks at now and then, for nobody tells it: the paths to the others, and this machine's addresses."""

from __future__ import annotations

from math import inf
from typing import Final

from sandpiper.common.limits import INTERFACES_S
from sandpiper.peer.events import PathChanged
from sandpiper.peer.p2p.connectivity import Connectivity
from sandpiper.peer.p2p.entering import update_card, update_hosts
from sandpiper.peer.p2p.member import Member
from sandpiper.peer.p2p.rendezvous.services import DiscoveryServices
from sandpiper.peer.p2p.transport import Transport

TOGETHER_S: Final = 0.1
"""What is due so soon after something else is done with it: each wake-up costs."""
_PATHS_S: Final = 0.5


class Upkeep:
    """Looks at the paths when they may have changed, and at the addresses from time to time. `due` is when to look."""

    def __init__(self, transport: Transport, services: DiscoveryServices, connectivity: Connectivity) -> None:
        self._transport = transport
        self._services = services
        self._connectivity = connectivity
        self._looked_at = self._paths_at = self._addresses_at = self.due = inf

    def begin(self, now: float) -> None:
        """Looks from now on."""
        self._looked_at, self._addresses_at = -inf, now + INTERFACES_S
        self.look_soon()

    def look_soon(self) -> None:
        """Has the paths looked at soon, but not too often: something has moved that they depend on."""
        self._paths_at = min(self._paths_at, self._looked_at + _PATHS_S)
        self.due = min(self._paths_at, self._addresses_at)

    def look(self, member: Member, now: float) -> PathChanged | None:
        """Looks at what is due, or soon; returns how the others are reached, if that is news."""
        changed = None
        if now >= self._paths_at - TOGETHER_S:
            changed = self._connectivity.changed(member.peers, now)
            self._transport.connect_outward()
            self._looked_at = now
            self._paths_at = max(self._connectivity.holds_until(member.peers, now), now + _PATHS_S)
        if now >= self._addresses_at - TOGETHER_S:
            self._addresses_at = now + INTERFACES_S
            if update_hosts(self._transport, self._services):
                update_card(member, self._transport, self._services)
                self._services.hosts_changed()
        self.due = min(self._paths_at, self._addresses_at)
        return changed
