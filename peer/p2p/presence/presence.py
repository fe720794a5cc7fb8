"""Who is here: the other sessions of a room, as they come, are heard, fall silent and go; and what is told of it."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Set
from itertools import islice

from sandpiper.common.errors import Refusal
from sandpiper.common.keys import fingerprint
from sandpiper.common.limits import HEARSAY_SOUGHT, SESSIONS_OF_PERSON, SOUGHT, SOUGHT_S
from sandpiper.common.p2p import packets
from sandpiper.common.p2p.keys import Keys
from sandpiper.common.p2p.sealing import short
from sandpiper.peer.p2p.membership.roster import Roster
from sandpiper.peer.p2p.presence.away import Away, AwayMember
from sandpiper.peer.p2p.presence.bearers import Bearers, look
from sandpiper.peer.p2p.presence.namesakes import Namesakes
from sandpiper.peer.p2p.presence.routes import Routes
from sandpiper.peer.p2p.replication.replica import Replica
from sandpiper.peer.p2p.state.context import Context
from sandpiper.peer.p2p.state.outputs import Came, Drop, Reach
from sandpiper.peer.p2p.state.peer import NEVER, Peer, PeerState, Way


class Presence:
    """Keeps track of the other members: `peers` are those who are here, or may be; all others are `away`.

    `leased` are the sessions of which a discovery service says that they are there. It calls `greet` to tell a peer
    at once that we hear it, `hurry` to have the next beacon sent now, and `retired` with a session that has gone away.
    """

    def __init__(
        self,
        context: Context,
        roster: Roster,
        replica: Replica,
        *,
        greet: Callable[[Peer, float], None],
        hurry: Callable[[float], None],
        retired: Callable[[bytes], None],
    ) -> None:
        self._context = context
        self._roster = roster
        self._replica = replica
        self._greet = greet
        self._hurry = hurry
        self._retired = retired
        self.peers: dict[bytes, Peer] = {}
        self.away = Away()
        self.namesakes = Namesakes(context, self.peers)
        self.bearers = Bearers()
        self.bearers.bears(context.session, context.keyring.fingerprint, context.settings.nick, NEVER)
        self.leased: set[bytes] = set()
        self._shorts: dict[bytes, bytes] = {}
        self.routes = Routes()
        self._looks: set[str] | None = None
        self.by_curve: dict[bytes, Peer] = {}

    # Members -----------------------------------------------------------------------------------------------

    def knows(self, session: bytes) -> bool:
        """Whether it is a member, here or not."""
        return session in self.peers or session in self.away

    def meet(self, keys: Keys, *, here: bool = True) -> bool:
        """Takes a new member, expected to be here or not; returns whether that is news."""
        session = keys.session
        if self.knows(session) or session == self._context.session:
            return False
        here = here and not crowded(self.peers.values(), keys)
        if here and self._expect(AwayMember(keys), PeerState.EXPECTED) is None:
            return False  # no such box key: a member that nobody can talk to
        if not here:
            self.away.add(AwayMember(keys))
        self._shorts[short(session)] = session
        self.routes.name(keys.curve, session)
        self._looks = None
        self.by_curve.clear()
        self._replica.open(session)
        return True

    def part(self, session: bytes) -> None:
        """Forgets a member that has been removed."""
        peer, row = self.peers.get(session), self.away.get(session)
        if peer is not None:
            self.leaves(peer, "was removed")
            row = self.away.get(session)
        if row is None:
            return
        self.away.remove(session)
        self._shorts.pop(short(session), None)
        self.bearers.forget(session)
        self._looks = None
        self.routes.forget(row.keys.curve, session)
        self.by_curve.clear()

    def looks(self) -> Set[str]:
        """What the keys of all members look like, here or not, as `imitates` wants them."""
        if self._looks is None:
            away = (fingerprint(row.keys.identity) for row in self.away)
            here = (peer.fingerprint for peer in self.peers.values())
            self._looks = {look(each) for each in (self._context.keyring.fingerprint, *here, *away)}
        return self._looks

    def parted(self, members: Container[bytes]) -> list[bytes]:
        """The sessions that we still count as members, though they are none of these."""
        return [session for session in self._shorts.values() if session not in members]

    def _expect(self, row: AwayMember, state: PeerState) -> Peer | None:
        """Looks for a member from now on."""
        context, session = self._context, row.keys.session
        try:
            context.keyring.meet(row.keys)
        except Refusal:
            return None
        peer = Peer(row.keys, context.now, state=state, card=row.card, carded=row.carded)
        peer.said, peer.announced, peer.gone_at = row.said, row.announced, context.now
        peer.notices, peer.requests = row.notices, row.requests
        self.away.remove(session)
        self.peers[session] = peer
        self.by_curve.clear()
        context.commands.append(Reach(session))
        self._hurry(context.now)
        return peer

    def _retire(self, peer: Peer, *, left: bool = False) -> None:
        """Looks for a peer no more: from now on it costs nothing, until there is a sign of life."""
        context, session = self._context, peer.keys.session
        del self.peers[session]
        self.by_curve.clear()
        nick = peer.card.nick if peer.card is not None else ""
        told_until = context.now + SOUGHT_S if peer.told else NEVER
        row = AwayMember(peer.keys, peer.said, nick, peer.card, peer.carded, peer.announced, left, told_until)
        row.notices, row.requests = peer.notices, peer.requests
        self.away.add(row)
        context.keyring.part(session)
        self._retired(session)
        self._replica.fetcher.forget(session, context.now)
        if self.peer_of(peer.keys.curve) is None:
            context.commands.append(Drop(session, peer.keys.curve))

    # Signs of life -----------------------------------------------------------------------------------------

    def wake(self, session: bytes, *, left: bool = False) -> Peer | None:
        """Looks for a member that was away and gave a sign of life; without `left` not for one that said goodbye."""
        row = self.away.get(session)
        if row is None or (row.left and not left) or crowded(self.peers.values(), row.keys):
            return None
        return self._expect(row, PeerState.GONE)

    def connected(self, curve: bytes) -> Peer | None:
        """Takes that a mesh key has connected to us; returns whose it is."""
        peer = self.peer_of(curve)
        if peer is None:
            woken = (self.wake(session) for session in self.routes.may_be(curve))
            return next((peer for peer in woken if peer is not None), None)
        if peer.state is PeerState.GONE:
            peer.gone_at, peer.deserted = self._context.now, False
            peer.told, peer.proven = False, True
            self._context.commands.append(Reach(peer.keys.session))
        return peer

    def named(self, name: bytes) -> Peer | None:
        """The member with this short name, of those who are here or may be."""
        return self.peers.get(self._shorts.get(name, b""))

    def told_of(self, names: Iterable[bytes]) -> None:
        """Looks for members that are away, and that another member says to hear. They are not here before they speak
        themselves: a single lie would bring back everybody who ever fell silent.
        """
        free = HEARSAY_SOUGHT - sum(peer.told for peer in self.peers.values())
        for session in filter(None, map(self._shorts.get, names)):
            row = self.away.get(session)
            if free <= 0:
                return
            if row is not None and self._context.now >= row.told_until and (peer := self.wake(session)) is not None:
                peer.told, peer.proven = True, False
                free -= 1

    def missed(self, packet: bytes) -> bool:
        """Whether a packet is for us alone, of a member that is away: its next beacon will show that it is back."""
        return packets.for_room(packet) is None and self._shorts.get(packets.sender(packet), b"") in self.away

    def lease(self, sessions: set[bytes]) -> None:
        """Takes which sessions are there, as discovery services say now."""
        self.leased = sessions
        for session in sorted(sessions):
            self.wake(session)

    def at_relay(self, address: bytes) -> None:
        """Looks for the members that a relay knows by this address: they are there, as we are."""
        for session in self.away.at_relay(address):
            self.wake(session)

    def seek_again(self) -> None:
        """Looks again for those who fell silent last: we are at another place, and perhaps were away ourselves."""
        for row in list(islice(self.away.latest(), SOUGHT)):
            if row.card is not None:
                self.wake(row.keys.session)

    # Mesh keys -------------------------------------------------------------------------------------------------

    def admits(self, curve: bytes) -> bool:
        """Whether a CURVE key belongs to a member, which the mesh is to admit."""
        return curve in self.routes

    def prove(self, curve: bytes | None, session: bytes) -> bool:
        """Takes by whose connection something of a session's own came, where that is known; returns whether it was the
        session's.
        """
        if curve is None:
            return False
        if self.routes.prove(curve, session):
            self.by_curve.clear()
            self._context.commands.append(Reach(session))
        return session in self.routes.may_be(curve)

    def peer_of(self, curve: bytes) -> Peer | None:
        """The peer whose CURVE key that is, or may be; kept in `by_curve` as long as that holds."""
        peer = next(iter(self.sharing(curve)), None)
        if peer is not None:
            self.by_curve[curve] = peer
        return peer

    def sharing(self, curve: bytes) -> list[Peer]:
        """The peers whose CURVE key that may be: one, once that is certain."""
        return [peer for session in self.routes.may_be(curve) if (peer := self.peers.get(session)) is not None]

    # Coming and going --------------------------------------------------------------------------------------

    def reachable(self, session: bytes) -> bool:
        """Whether a session can be asked for what it has."""
        peer = self.peers.get(session)
        return peer is not None and (peer.here or peer.state is PeerState.EXPECTED)

    def ended(self, session: bytes) -> bool:
        """Whether a session has said goodbye, or was removed."""
        row = self.away.get(session)
        if row is not None:
            return row.left
        return session not in self.peers and session != self._context.session

    def met(self, session: bytes) -> bool:
        """Whether a session has ever said something of itself."""
        known = self.peers.get(session) or self.away.get(session)
        return known is not None and known.said > 0

    def heard(self, peer: Peer, way: Way, now: float) -> None:
        """Takes a sign of life of a peer, by this way."""
        if not peer.proven:
            return
        peer.heard[way] = now
        if peer.state is PeerState.PRESENT:
            return
        was, peer.state = peer.state, PeerState.PRESENT
        if was in (PeerState.EXPECTED, PeerState.GONE):
            self._greet(peer, self._context.now)  # it is to know at once that we hear it
        if was is PeerState.GONE:
            peer.deserted = False
            self._context.commands.append(Reach(peer.keys.session))
        self.announce(peer)

    def announce(self, peer: Peer) -> None:
        """Tells the user that a peer is here, once that and its name are known; for one that comes and goes, later."""
        if peer.shown or peer.card is None or not peer.here:
            return
        if peer.quiet:  # nobody is told of it, but of whom it is mistaken for
            self.namesakes.renamed(peer)
            return
        if peer.notices.take(2, self._context.now):  # what it takes to tell that it is gone, too
            return
        if peer.announced:
            self._tell(peer, "join", "is back")
            self.namesakes.renamed(peer)  # it may be called otherwise than when it went
            return
        peer.announced = True
        # Who was there before us has not come in because we have.
        self._tell(peer, "join", "joined" if peer.known_at > self._context.entered_at else "is here")
        self.namesakes.joined(peer)

    def leaves(self, peer: Peer, how: str) -> None:
        """Takes that a peer has left, for this reason."""
        peer.state = PeerState.LEFT
        if peer.shown:
            self._tell(peer, "leave", how)
        peer.announced = False
        self._retire(peer, left=True)

    def _tell(self, peer: Peer, event: str, how: str) -> None:
        self._context.notice(f"{peer.nick} {how}", event, peer.nick, peer.fingerprint)
        peer.shown = event == "join"
        self._context.commands.append(Came(peer, peer.shown))

    def age(self, now: float) -> None:
        """Changes the state of those who have been silent, and gives up those who were sought for long."""
        for peer in list(self.peers.values()):
            state = peer.next_state(now)
            if state is not peer.state:
                peer.state = state
                if state is PeerState.GONE:
                    self._fall_silent(peer, now)
            if not peer.quiet:
                self.announce(peer)
        sought = sorted((peer for peer in self.peers.values() if peer.state is PeerState.GONE), key=_least_sure)
        held = len(sought) - SOUGHT
        for index, peer in enumerate(sought):
            over = index < held or peer.deserted or now - peer.gone_at >= SOUGHT_S
            if over and peer.keys.session not in self.leased:
                self._retire(peer)

    def _fall_silent(self, peer: Peer, now: float) -> None:
        """Seeks a peer that is gone; unless nobody has ever said where it is."""
        peer.gone_at = now
        peer.deserted = peer.heard_at == NEVER and peer.card is None
        self._replica.fetcher.forget(peer.keys.session, now)
        self._context.commands.append(Reach(peer.keys.session))
        if peer.shown:
            self._tell(peer, "leave", "is gone: no sign of life")

    @property
    def alone(self) -> bool:
        """Whether nobody else is here, nor expected."""
        return not any(peer.here or peer.state is PeerState.EXPECTED for peer in self.peers.values())


def _least_sure(peer: Peer) -> tuple[bool, float]:
    """The order in which members are sought no more, if they are too many."""
    return not peer.told, peer.gone_at


def crowded(peers: Iterable[Peer], keys: Keys) -> bool:
    """Whether so many sessions of a person are here that another is not looked for: those heard first are served.

    Who is let in, and when, says nothing here, for others can say that of anybody's old sessions.
    """
    return sum(peer.here and peer.keys.identity == keys.identity for peer in peers) >= SESSIONS_OF_PERSON
