"""The deed log: hands on what comes into the logs (talk is shown, deeds take effect), and writes one's own deeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from sandpiper.common.errors import Refusal
from sandpiper.common.limits import CHEAT_PROOFS
from sandpiper.common.messages import Lost
from sandpiper.common.p2p import envelope, membership
from sandpiper.common.p2p.envelope import DEEDS, TALK, Envelope
from sandpiper.common.p2p.membership import Admit, AnyDeed, Cheat
from sandpiper.common.p2p.packets import Shout
from sandpiper.peer.p2p.presence.names import Names
from sandpiper.peer.p2p.presence.presence import Presence
from sandpiper.peer.p2p.replication.display import Display
from sandpiper.peer.p2p.replication.ledger import Ledger
from sandpiper.peer.p2p.replication.replica import Accepted, Replica
from sandpiper.peer.p2p.state.context import Context


def proven(deed: Cheat) -> tuple[Envelope, Envelope] | None:
    """The two envelopes of a proof, if it is one."""
    try:
        one, other = envelope.parse_head(deed.one), envelope.parse_head(deed.other)
    except Refusal:
        return None
    genuine = envelope.genuine(one) and envelope.genuine(other) and envelope.conflict(one, other)
    return (one, other) if genuine else None


def fork_of(one: Envelope, other: Envelope) -> int | None:
    """The seq from which on a session has two histories of its deeds, if the two envelopes prove that."""
    return min(one.first, other.first) if one.stream == other.stream == DEEDS else None


class DeedLog:
    """Enters everybody's deeds in the ledger, and a member's own in its log. `cheats` are the sessions proven to be.

    After each deed it calls `learnt` with the writer and the deed; without a deed after a fork has changed the ledger.
    `arrived` are the sessions of which something has come, in that order, to be acknowledged.
    """

    def __init__(
        self,
        context: Context,
        ledger: Ledger,
        replica: Replica,
        display: Display,
        presence: Presence,
        names: Names,
        learnt: Callable[[bytes, AnyDeed | None], None],
    ) -> None:
        self._context = context
        self._ledger = ledger
        self._replica = replica
        self._display = display
        self._presence = presence
        self._names = names
        self._learnt = learnt
        self.arrived: dict[bytes, None] = {}
        self.cheats: set[bytes] = set()
        self._proofs: Counter[bytes] = Counter()

    def take(self, shout: Shout, now: float) -> bool:
        """Takes envelopes that were pushed, one after the other: a deed may say whose the next one is.

        Returns whether all of them were talk that came in its turn.
        """
        calm = True
        for raw in shout.envelopes:
            accepted = self._replica.take([raw], now)
            self.accept(accepted)
            calm = calm and [(each.stream, each.lost, each.late) for each in accepted] == [(TALK, 0, False)]
        return calm

    def accept(self, accepted: Iterable[Accepted]) -> None:
        """Hands on envelopes that have come into their logs."""
        for each in accepted:
            found = each.envelope
            if found is None:
                self._lose(each)
                continue
            self.arrived[each.session] = None
            if found.stream == TALK:
                self._display.heard(found, late=each.late)
            else:
                self._learn(found)
        for one, other in self._replica.proofs:
            self._expose(one, other, first_hand=True)
        self._replica.proofs.clear()

    def _lose(self, lost: Accepted) -> None:
        if lost.stream == TALK:
            fingerprint = self._names.fingerprint_of(lost.session)
            self._context.events.append(Lost(self._context.room_name, fingerprint, lost.lost))

    def _learn(self, found: Envelope) -> None:
        try:
            deeds = membership.decode(found.body)
        except Refusal:
            return
        for index, deed in enumerate(deeds[: found.count]):
            self._enter(found.session, found.first + index, deed)

    def _enter(self, writer: bytes, seq: int, deed: AnyDeed) -> None:
        if isinstance(deed, Cheat):
            self.check_cheat(deed)
        elif not isinstance(deed, Admit) or deed.keys.holds(self._context.keyring.room):
            self._ledger.add(writer, seq, deed)
            self._learnt(writer, deed)

    def check_cheat(self, deed: Cheat) -> None:
        """Checks a proof that another member has found, and follows it."""
        proof = proven(deed)
        if proof is not None:
            self._expose(*proof, first_hand=False)

    def _expose(self, one: Envelope, other: Envelope, *, first_hand: bool) -> None:
        """Stops following a session that has signed two histories, and tells everyone.

        Deeds before the two still count, for everyone alike; and all of them if it is its talk that is forked.
        """
        session = one.session
        if session == self._context.session or (session, one.stream) not in self._replica.tracks:
            return
        self._replica.stop(session)
        forked = fork_of(one, other)
        lower = forked is not None and self._ledger.fork(session, forked)
        if forked is not None and lower:
            self._replica.fork(session, forked)
            self._learnt(session, None)
        again = session in self.cheats
        if first_hand and (not again or lower) and self._proofs[session] < CHEAT_PROOFS:
            self._proofs[session] += 1
            self.write(Cheat(envelope.head(one), envelope.head(other)))
        if again:
            return
        self.cheats.add(session)
        nick = self._names.nick_of(session)
        self._context.warn("cheat", f"{nick} has signed two different histories: its messages are shown no more")

    def write(self, deed: AnyDeed) -> None:
        """Puts one's own deed into one's log, sends it to the others, and enters it in the ledger."""
        context, keyring = self._context, self._context.keyring
        log = self._replica.log(context.session, DEEDS)
        made = envelope.sign(
            keyring.keys.signing,
            context.session,
            keyring.room,
            context.run,
            DEEDS,
            log.head + 1,
            1,
            self._replica.clock + 1,
            log.hash,
            membership.encode_all([deed]),
        )
        self._replica.write(made)
        # To those who are here before the deed takes effect: one that it removes is to hear of it too.
        context.send_to_room(Shout([made.raw]), tuple(self._presence.peers.values()))
        if not isinstance(deed, Cheat):
            self._ledger.add(context.session, made.first, deed)
            self._learnt(context.session, deed)
