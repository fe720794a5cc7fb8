"""Members that bring their deeds to be equal over a link that loses, repeats and reorders."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Final

from sandpiper.common.p2p.packets import Deeds, Fetch
from sandpiper.peer.p2p.membership.exchange import DeedExchange
from sandpiper.peer.p2p.membership.graph import DeedGraph
from tests.peer.p2p.membership.persons import Signer

BEACON_S: Final = 1.0


class Linked:
    """A member: its graph and its end of the exchange. Its one session has its person's key as name."""

    def __init__(self, signer: Signer, graph: DeedGraph) -> None:
        self.signer = signer
        self.graph = graph
        self.name = signer.key
        self.exchange = DeedExchange(graph, lambda session: session if session in graph.members else None)
        self.octets_in = 0


@dataclass
class Link:
    """Carries between members, with a clock of its own. `lost` and `doubled` are shares of all packets."""

    members: list[Linked]
    seed: int = 1
    lost: float = 0.0
    doubled: float = 0.0
    late_s: float = 0.3
    now: float = 1000.0
    apart: set[frozenset[bytes]] = field(default_factory=set)
    _due: list[tuple[float, int, Linked, bytes, Fetch | Deeds | bytes]] = field(default_factory=list)
    _number: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def send(self, source: Linked, target: Linked, said: Fetch | Deeds | bytes) -> None:
        """Sends a message, or a digest; maybe it arrives, maybe twice."""
        if frozenset((source.name, target.name)) in self.apart:
            return
        for _ in range(1 + (self.random.random() < self.doubled)):
            if self.random.random() >= self.lost:
                self._number += 1
                at = self.now + self.random.random() * self.late_s
                self._due.append((at, self._number, target, source.name, said))

    def tell(self, source: Linked, raws: list[bytes]) -> None:
        """Tells all others fresh deeds, at once."""
        for each in self.members:
            if each is not source and self.random.random() >= self.lost:
                each.exchange.receive_told(source.name, raws, self.now)
                self._flush(each)

    def _flush(self, member: Linked) -> None:
        outgoing, member.exchange.outgoing = member.exchange.outgoing, []
        for name, said in outgoing:
            for each in self.members:
                if each.name == name:
                    self.send(member, each, said)

    def run(self, seconds: float) -> None:
        """Lets time pass."""
        end, beacon = self.now + seconds, self.now
        while self.now < end:
            if self.now >= beacon:
                beacon += BEACON_S
                for each in self.members:
                    for other in self.members:
                        if other is not each:
                            self.send(each, other, each.exchange.digest())
            self._due.sort(key=lambda due: due[:2])
            timers = [timer for each in self.members if (timer := each.exchange.get_timer()) is not None]
            self.now = max(self.now, min([beacon, end, *(at for at, *_ in self._due[:1]), *timers]))
            self._deliver()

    def _deliver(self) -> None:
        while self._due and self._due[0][0] <= self.now:
            _, _, target, source, said = self._due.pop(0)
            if isinstance(said, bytes):
                target.exchange.heard(source, said, self.now)
            elif isinstance(said, Fetch):
                target.exchange.receive_fetch(source, said, self.now)
            else:
                target.octets_in += sum(map(len, said.deeds))
                target.exchange.receive_deeds(source, said, self.now)
            self._flush(target)
        for each in self.members:
            timer = each.exchange.get_timer()
            if timer is not None and timer <= self.now:
                each.exchange.handle_timer(self.now)
                self._flush(each)

    def is_equal(self) -> bool:
        return len({each.graph.digest() for each in self.members}) == 1
