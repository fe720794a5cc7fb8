"""Deed gossip: writes this member's deeds, tells them to the others, and takes theirs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sandpiper.common.limits import DEED_PAGE_BYTES
from sandpiper.common.p2p import packets
from sandpiper.common.p2p.deeds import ID_BYTES, AnyDeedSaid, Deed, Rekey
from sandpiper.common.p2p.packets import Beacon, Shout
from sandpiper.peer.p2p.membership.exchange import DeedExchange
from sandpiper.peer.p2p.membership.roster import Roster
from sandpiper.peer.p2p.membership.writing import write_deed
from sandpiper.peer.p2p.presence.presence import Presence
from sandpiper.peer.p2p.state.context import Context
from sandpiper.peer.p2p.state.peer import Peer


class DeedGossip:
    """Carries the exchange of deeds. `learnt` is called with those that are new in the graph."""

    def __init__(
        self, context: Context, roster: Roster, presence: Presence, learnt: Callable[[Sequence[Deed]], None]
    ) -> None:
        self._context = context
        self._roster = roster
        self._presence = presence
        self._learnt = learnt
        self._exchange = DeedExchange(roster.graph, self._person_of)
        self._timer: float | None = None  # asked for with every packet, and hardly ever another
        self._moved = True

    def _person_of(self, session: bytes) -> bytes | None:
        keys = self._roster.members.get(session)
        return keys.identity if keys is not None else None

    @property
    def digest(self) -> bytes:
        """A digest of all deeds that count here, for beacons."""
        return self._exchange.digest()

    def trust(self, sponsor: bytes) -> None:
        """Takes from the sponsor by a budget of its own, once: it has let us in."""
        self._moved = True
        self._exchange.trust(sponsor)

    def is_heard(self) -> bool:
        """Whether anybody is here."""
        return any(peer.here for peer in self._presence.peers.values())

    def up_to_date(self, without: set[bytes]) -> bool:
        """Whether somebody other than these persons is here, and nothing is known to be lacking that one has."""
        here = [peer for peer in self._presence.peers.values() if peer.here]
        others = [peer for peer in here if peer.keys.identity not in without]
        if not others:
            return bool(here)
        return any(peer.tips and self._exchange.is_known(peer.tips) for peer in others)

    # Writing -------------------------------------------------------------------------------------------------

    def write(self, said: AnyDeedSaid) -> None:
        """Signs a deed on all that is known here, and tells it to the others. Raises Refusal if it would not count."""
        made = write_deed(self._roster.graph, self._context.keyring.keys.identity, said)
        # To those who are here before the deed takes effect: one that it removes is to hear of it too.
        shout = Shout(deeds=[deed.raw for deed in made])
        self._context.send_to_room(shout, tuple(self._presence.peers.values()))
        self._exchange.digest()
        self._moved = True
        self._learnt(made)

    # Hearing -------------------------------------------------------------------------------------------------

    def take(self, raws: Sequence[bytes], source: Peer | None, now: float) -> None:
        """Takes deeds that were told to everybody."""
        if raws:
            self._exchange.receive_told(source.keys.session if source is not None else b"", raws, now)
            self._settle()

    def compare(self, peer: Peer, beacon: Beacon, now: float) -> None:
        """Takes the digest of a beacon: a member that has other deeds is asked for them.

        One that has another key, because it was away or waits to be let in again, is told what there is here.
        """
        self._heard(peer, beacon.tips, now)
        if beacon.epoch != self._context.keyring.epoch.id:
            self._context.send_to(peer, packets.Tips(self.digest))

    def receive_tips(self, peer: Peer, said: packets.Tips, now: float) -> None:
        """Takes the digest of a member whose beacons cannot be read here."""
        self._heard(peer, said.digest, now)

    def _heard(self, peer: Peer, digest: bytes, now: float) -> None:
        if len(digest) != ID_BYTES:
            return
        self._moved = self._moved or digest != peer.tips or not self._exchange.is_known(digest)
        peer.tips = digest
        self._exchange.heard(peer.keys.session, digest, now)

    def seek(self, peer: Peer, epoch: bytes, now: float) -> None:
        """Asks a member, soon and once for each key that is not here, for what it has: its beacons cannot be read."""
        self._moved = True
        self._exchange.heard(peer.keys.session, epoch, now)

    def receive_fetch(self, peer: Peer, said: packets.Fetch, now: float) -> None:
        """Answers a member that asks for deeds."""
        self._exchange.receive_fetch(peer.keys.session, said, now)
        self._settle()

    def receive_deeds(self, peer: Peer, said: packets.Deeds, now: float) -> None:
        """Takes the deeds that a member was asked for."""
        self._exchange.receive_deeds(peer.keys.session, said, now)
        self._tell_removed()
        self._settle()

    def forget(self, session: bytes) -> None:
        """Asks a session no more: it has gone."""
        self._moved = True
        self._exchange.forget(session)

    def get_timer(self) -> float | None:
        """When `handle_timer` is to be called."""
        if self._moved:
            self._timer, self._moved = self._exchange.get_timer(), False
        return self._timer

    def handle_timer(self, now: float) -> None:
        """Asks for what is lacking."""
        due = self.get_timer()
        if due is not None and now >= due:
            self._exchange.handle_timer(now)
            self._settle()

    def _tell_removed(self) -> None:
        """Tells those who are here, and whom a deed puts out of which its writer could not tell them: that deed, and as
        much of what came before it as one packet carries.
        """
        taken, here = self._exchange.taken, {peer.keys.identity for peer in self._presence.peers.values() if peer.here}
        last, out, size = 0, set[bytes](), 0
        for at, deed in enumerate(taken):
            if isinstance(deed.said, Rekey) and not here.isdisjoint(deed.said.out):
                last = at + 1
                out |= here.intersection(deed.said.out)
        raws: list[bytes] = []
        for deed in reversed(taken[:last]):
            size += len(deed.raw)
            if raws and size > DEED_PAGE_BYTES:
                break
            raws.append(deed.raw)
        removed = tuple(peer for peer in self._presence.peers.values() if peer.here and peer.keys.identity in out)
        if removed:
            self._context.send_to_room(Shout(deeds=raws[::-1]), removed)

    def _settle(self) -> None:
        """Sends what the exchange has to say, and hands on what it has taken."""
        self._moved = True
        outgoing, self._exchange.outgoing = self._exchange.outgoing, []
        for session, said in outgoing:
            peer = self._presence.peers.get(session)
            if peer is not None:
                self._context.send_to(peer, said)
        taken, self._exchange.taken = self._exchange.taken, []
        if taken:
            self._learnt(taken)
