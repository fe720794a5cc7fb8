"""Who is here: the other sessions of a room, as they come, are heard, fall silent and go; and what is told of it."""

from __future__ import annotations

from collections.abc import Container, Iterable
from itertools import islice
from typing import TYPE_CHECKING

from sandpiper.common.errors import Refusal
from sandpiper.common.keys import fingerprint
from sandpiper.common.limits import HEARSAY_SOUGHT, SOUGHT, SOUGHT_S
from sandpiper.common.messages import Notice
from sandpiper.common.nicks import fold
from sandpiper.common.nicks import nick as valid_nick
from sandpiper.common.p2p import packets
from sandpiper.common.p2p.membership import Keys
from sandpiper.common.p2p.sealing import short
from sandpiper.peer.events import Warned
from sandpiper.peer.p2p.presence.away import Away, Row
from sandpiper.peer.p2p.state.outputs import Came, Drop, Reach
from sandpiper.peer.p2p.state.peer import NEVER, Peer, State, Way

if TYPE_CHECKING:
    from sandpiper.peer.p2p.member import Member


class Presence:
    """One member's view of the others. `peers` are those who are here, or may be; all other members are `away`.

    `leased` are the sessions of which a discovery service says that they are there.
    """

    def __init__(self, member: Member) -> None:
        self._member = member
        self.peers: dict[bytes, Peer] = {}
        self.away = Away()
        self.leased: set[bytes] = set()
        self._shorts: dict[bytes, bytes] = {}
        self._curves: dict[bytes, list[bytes]] = {}  # a cheat may name another's

    # Members -----------------------------------------------------------------------------------------------

    def knows(self, session: bytes) -> bool:
        """Whether it is a member, here or not."""
        return session in self.peers or session in self.away

    def meet(self, keys: Keys, *, here: bool = True) -> bool:
        """Somebody is in the room, and expected to be here or not. To be called when the ledger says so.

        Whether that is news.
        """
        session = keys.session
        if self.knows(session) or session == self._member.session:
            return False
        if here and self._expect(Row(keys), State.EXPECTED) is None:
            return False  # no such box key: a member that nobody can talk to
        if not here:
            self.away.add(Row(keys))
        self._shorts[short(session)] = session
        self._curves.setdefault(keys.curve, []).append(session)
        self._member.replica.open(session)
        return True

    def part(self, session: bytes) -> None:
        """Somebody has been removed."""
        peer, row = self.peers.get(session), self.away.get(session)
        if peer is not None:
            self.leaves(peer, "was removed")
            row = self.away.get(session)
        if row is None:
            return
        self.away.remove(session)
        self._shorts.pop(short(session), None)
        sharing = self._curves[row.keys.curve]
        sharing.remove(session)
        if not sharing:
            del self._curves[row.keys.curve]

    def parted(self, members: Container[bytes]) -> list[bytes]:
        """Whom we still count as a member, though it is none of these."""
        return [session for session in self._shorts.values() if session not in members]

    def _expect(self, row: Row, state: State) -> Peer | None:
        """Looks for somebody from now on."""
        member, session = self._member, row.keys.session
        try:
            member.keyring.meet(row.keys)
        except Refusal:
            return None
        peer = Peer(row.keys, member.now, state=state, card=row.card, carded=row.carded)
        peer.said, peer.announced, peer.gone_at = row.said, row.announced, member.now
        self.away.remove(session)
        self.peers[session] = peer
        member.commands.append(Reach(session))
        member.gossip.hurry_beacon(member.now)
        return peer

    def _retire(self, peer: Peer, *, left: bool = False) -> None:
        """Nobody looks for it any more: from now on it costs nothing, until there is a sign of life."""
        member, session = self._member, peer.keys.session
        del self.peers[session]
        nick = peer.card.nick if peer.card is not None else ""
        told_until = member.now + SOUGHT_S if peer.told else NEVER
        self.away.add(Row(peer.keys, peer.said, nick, peer.card, peer.carded, peer.announced, left, told_until))
        member.keyring.part(session)
        member.whispering.forget(session)
        member.replica.forget(session, member.now)
        if self.peer_of(peer.keys.curve) is None:
            member.commands.append(Drop(session, peer.keys.curve))

    # Signs of life -----------------------------------------------------------------------------------------

    def wake(self, session: bytes, *, left: bool = False) -> Peer | None:
        """There is a sign of life of a member that is away; without `left` not of one that said goodbye."""
        row = self.away.get(session)
        return self._expect(row, State.GONE) if row is not None and (left or not row.left) else None

    def knock(self, curve: bytes) -> Peer | None:
        """Whose connection to our door that is."""
        peer = self.peer_of(curve)
        if peer is None:
            woken = (self.wake(session) for session in self._curves.get(curve, ()))
            return next((peer for peer in woken if peer is not None), None)
        if peer.state is State.GONE:
            peer.gone_at, peer.deserted = self._member.now, False
            peer.told, peer.proven = False, True
            self._member.commands.append(Reach(peer.keys.session))
        return peer

    def named(self, name: bytes) -> Peer | None:
        """Who has this short name, of those who are here or may be."""
        return self.peers.get(self._shorts.get(name, b""))

    def told_of(self, names: Iterable[bytes]) -> None:
        """Another member says that it hears these. Who is away is looked for, but is not here before it speaks itself:
        a single lie would bring back everybody who ever fell silent.
        """
        free = HEARSAY_SOUGHT - sum(peer.told for peer in self.peers.values())
        for session in filter(None, map(self._shorts.get, names)):
            row = self.away.get(session)
            if free <= 0:
                return
            if row is not None and self._member.now >= row.told_until and (peer := self.wake(session)) is not None:
                peer.told, peer.proven = True, False
                free -= 1

    def missed(self, packet: bytes) -> bool:
        """Whether it is for us alone, of a member that is away: its beacon comes first, and can be told from old."""
        return packets.for_room(packet) is None and self._shorts.get(packets.sender(packet), b"") in self.away

    def lease(self, sessions: set[bytes]) -> None:
        """These are there, as discovery services say now."""
        self.leased = sessions
        for session in sorted(sessions):
            self.wake(session)

    def at_relay(self, address: bytes) -> None:
        """Somebody is at a relay where we are."""
        for session in self.away.at_relay(address):
            self.wake(session)

    def seek_again(self) -> None:
        """This machine is at another place: perhaps it was we who were away."""
        for row in list(islice(self.away.latest(), SOUGHT)):
            if row.card is not None:
                self.wake(row.keys.session)

    # Names -------------------------------------------------------------------------------------------------

    def admits(self, curve: bytes) -> bool:
        """The mesh's judge: whether a CURVE key belongs to a member."""
        return curve in self._curves

    def owns(self, curve: bytes | None, session: bytes) -> bool:
        """Whether it is a session's."""
        return curve is not None and session in self._curves.get(curve, ())

    def peer_of(self, curve: bytes) -> Peer | None:
        """Whose mesh key that is, of those who are here or may be."""
        sharing = (self.peers.get(session) for session in self._curves.get(curve, ()))
        return next((peer for peer in sharing if peer is not None), None)

    def nick_of(self, session: bytes) -> str:
        """What a session is called."""
        if session == self._member.session:
            return self._member.settings.nick
        peer, row = self.peers.get(session), self.away.get(session)
        if peer is not None:
            return peer.nick
        if row is not None:
            return row.nick or fingerprint(row.keys.identity)[:8]
        return short(session).hex()[:8]

    def fingerprint_of(self, session: bytes) -> str:
        """The person's, behind a session."""
        if session == self._member.session:
            return self._member.keyring.fingerprint
        keys = self._member.ledger.known.get(session)
        if keys is None:
            return ""
        return fingerprint(keys.identity)

    def called(self, session: bytes, nick: str) -> tuple[str, bool]:
        """What a session is to be called that signs as `nick`, and whether that is not another person's name."""
        known = self.nick_of(session)
        if nick == known:
            return nick, True
        try:
            valid_nick(nick)
        except Refusal:
            return known, True
        member, person, folded = self._member, self.fingerprint_of(session), fold(nick)
        if folded == fold(member.settings.nick) and person != member.keyring.fingerprint:
            return nick, False
        others = (peer for peer in self.peers.values() if peer.card is not None and peer.fingerprint != person)
        return nick, all(fold(peer.nick) != folded for peer in others)

    # Coming and going --------------------------------------------------------------------------------------

    def reachable(self, session: bytes) -> bool:
        """Whether it can be asked for what it has."""
        peer = self.peers.get(session)
        return peer is not None and (peer.here or peer.state is State.EXPECTED)

    def ended(self, session: bytes) -> bool:
        """Whether it has said goodbye, or was removed."""
        row = self.away.get(session)
        if row is not None:
            return row.left
        return session not in self.peers and session != self._member.session

    def met(self, session: bytes) -> bool:
        """Whether it has ever said something of itself."""
        known = self.peers.get(session) or self.away.get(session)
        return known is not None and known.said > 0

    def heard(self, peer: Peer, way: Way, now: float) -> None:
        """A sign of life."""
        if not peer.proven:
            return
        peer.heard[way] = now
        if peer.state is State.PRESENT:
            return
        was, peer.state = peer.state, State.PRESENT
        if was in (State.EXPECTED, State.GONE):
            self._member.gossip.greet(peer, now)  # it is to know at once that we hear it
        if was is State.GONE:
            peer.deserted = False
            self._member.commands.append(Reach(peer.keys.session))
        if peer.announced and was is State.GONE:
            self._tell(peer, "join", "is back")
        self.announce(peer)

    def announce(self, peer: Peer) -> None:
        """Tells that somebody is here, once that and its name are known."""
        if peer.announced or peer.quiet or not peer.here:
            return
        peer.announced = True
        # Who was there before us has not come in because we have.
        self._tell(peer, "join", "joined" if peer.known_at > self._member.entered_at else "is here")
        same = [
            other
            for other in self.peers.values()
            if other.here and other.nick == peer.nick and other.fingerprint != peer.fingerprint
        ]
        # Of two nobody here knows who was first: to a newcomer those who were there are as new.
        if peer.nick == self._member.settings.nick and peer.fingerprint != self._member.keyring.fingerprint:
            text = f"you and another person are called {peer.nick}; the other has the key {peer.fingerprint}"
            self._member.events.append(Warned("key", f"{text}: /verify tells more"))
        elif same:
            keys = " and ".join(sorted({peer.fingerprint, same[0].fingerprint}))
            text = f"two persons are called {peer.nick}, with the keys {keys}: /verify tells more"
            self._member.events.append(Warned("key", text))

    def leaves(self, peer: Peer, how: str) -> None:
        """It is not here any more, for this reason."""
        was, peer.state = peer.state, State.LEFT
        if peer.announced and was is not State.GONE:
            self._tell(peer, "leave", how)
        peer.announced = False
        self._retire(peer, left=True)

    def _tell(self, peer: Peer, event: str, how: str) -> None:
        notice = Notice(
            f"{peer.nick} {how}",
            int(self._member.wall()),
            self._member.room_name,
            event,
            peer.nick,
            from_=peer.fingerprint,
        )
        self._member.events.append(notice)
        self._member.commands.append(Came(peer, event == "join"))

    def age(self, now: float) -> None:
        """What silence makes of the others."""
        for peer in list(self.peers.values()):
            state = peer.next_state(now)
            if state is not peer.state:
                peer.state = state
                if state is State.GONE:
                    self._fall_silent(peer, now)
        sought = sorted((peer for peer in self.peers.values() if peer.state is State.GONE), key=_least_sure)
        held = len(sought) - SOUGHT
        for index, peer in enumerate(sought):
            over = index < held or peer.deserted or now - peer.gone_at >= SOUGHT_S
            if over and peer.keys.session not in self.leased:
                self._retire(peer)

    def _fall_silent(self, peer: Peer, now: float) -> None:
        """It is gone, and sought from now on; unless nobody has ever said where it is."""
        peer.gone_at = now
        peer.deserted = peer.heard_at == NEVER and peer.card is None
        self._member.replica.forget(peer.keys.session, now)
        self._member.commands.append(Reach(peer.keys.session))
        if peer.announced:
            self._tell(peer, "leave", "is gone: no sign of life")

    @property
    def alone(self) -> bool:
        """Whether nobody else is here, nor expected."""
        return not any(peer.here or peer.state is State.EXPECTED for peer in self.peers.values())


def _least_sure(peer: Peer) -> tuple[bool, float]:
    """Who is the first not to be sought any more, if they are too many."""
    return not peer.told, peer.gone_at
