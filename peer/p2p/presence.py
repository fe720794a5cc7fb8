"""Who is here: the other sessions of a room, as they come, are heard, fall silent and go; and what is told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandpiper.common.deeds import Keys
from sandpiper.common.errors import Refusal
from sandpiper.common.keys import fingerprint
from sandpiper.common.messages import Notice
from sandpiper.common.nicks import fold
from sandpiper.common.nicks import nick as valid_nick
from sandpiper.common.sealing import short
from sandpiper.peer.events import Warned
from sandpiper.peer.p2p.outputs import Came, Drop, Reach
from sandpiper.peer.p2p.peers import Peer, State, Way

if TYPE_CHECKING:
    from sandpiper.peer.p2p.member import Member


class Presence:
    """One member's view of the others. `peers` are by session, `shorts` by short name."""

    def __init__(self, member: Member) -> None:
        self._member = member
        self.peers: dict[bytes, Peer] = {}
        self.shorts: dict[bytes, Peer] = {}
        self._curves: dict[bytes, list[Peer]] = {}  # a cheat may name another's

    def meet(self, keys: Keys) -> None:
        """Somebody is in the room. To be called when the ledger says so."""
        if keys.session in self.peers or keys.session == self._member.session:
            return
        try:
            self._member.keyring.meet(keys)
        except Refusal:
            return  # no such box key: a member that nobody can talk to
        peer = Peer(keys, self._member.now)
        self.peers[keys.session] = self.shorts[peer.short] = peer
        self._curves.setdefault(keys.curve, []).append(peer)
        self._member.replica.open(keys.session)
        self._member.commands.append(Reach(keys.session))
        self._member.gossip.hurry_beacon(self._member.now)

    def part(self, session: bytes) -> None:
        """Somebody has been removed."""
        peer = self.peers.pop(session, None)
        if peer is None:
            return
        self.leaves(peer, "was removed")
        self.shorts.pop(peer.short, None)
        sharing = self._curves[peer.keys.curve]
        sharing.remove(peer)
        if not sharing:
            del self._curves[peer.keys.curve]
        self._member.keyring.part(session)
        self._member.replica.forget(session)
        if not sharing:
            self._member.commands.append(Drop(session))

    def admits(self, curve: bytes) -> bool:
        """The mesh's judge: whether a CURVE key belongs to a member."""
        return curve in self._curves

    def peer_of(self, curve: bytes) -> Peer | None:
        """Whose mesh key that is."""
        sharing = self._curves.get(curve)
        return sharing[0] if sharing else None

    def nick_of(self, session: bytes) -> str:
        """What a session is called."""
        if session == self._member.session:
            return self._member.settings.nick
        peer = self.peers.get(session)
        return peer.nick if peer is not None else short(session).hex()[:8]

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

    def reachable(self, session: bytes) -> bool:
        """Whether it can be asked for what it has."""
        peer = self.peers.get(session)
        return peer is not None and (peer.here or peer.state is State.EXPECTED)

    def heard(self, peer: Peer, way: Way, now: float) -> None:
        """A sign of life."""
        peer.heard[way] = now
        if peer.state is State.PRESENT:
            return
        was, peer.state = peer.state, State.PRESENT
        if was is State.EXPECTED:
            self._member.gossip.greet(peer, now)  # it is to know at once that we hear it
        if peer.announced and was is State.GONE:
            self._tell(peer, "join", "is back")
        self.announce(peer)

    def announce(self, peer: Peer) -> None:
        """Tells that somebody is here, once that and its name are known."""
        if peer.announced or peer.quiet or not peer.here:
            return
        peer.announced = True
        self._tell(peer, "join", "joined")
        same = [
            other
            for other in self.peers.values()
            if other.here and other.nick == peer.nick and other.fingerprint != peer.fingerprint
        ]
        if same or (peer.nick == self._member.settings.nick and peer.fingerprint != self._member.keyring.fingerprint):
            text = f"two persons are called {peer.nick}; the new one has the key {peer.fingerprint}: /verify tells more"
            self._member.events.append(Warned("key", text))

    def leaves(self, peer: Peer, how: str) -> None:
        """It is not here any more, for this reason."""
        was, peer.state = peer.state, State.LEFT
        if peer.announced and was is not State.GONE:
            self._tell(peer, "leave", how)
        peer.announced = False

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
            if state is peer.state:
                continue
            was, peer.state = peer.state, state
            if state is State.GONE:
                self._member.replica.forget(peer.keys.session)
                if peer.announced and was is not State.GONE:
                    self._tell(peer, "leave", "is gone: no sign of life")

    @property
    def alone(self) -> bool:
        """Whether nobody else is here, nor expected."""
        return not any(peer.here or peer.state is State.EXPECTED for peer in self.peers.values())
