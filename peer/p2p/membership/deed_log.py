"""The chronicle: what comes into the logs goes where it belongs: talk is shown, deeds take effect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from sandpiper.common.errors import Refusal
from sandpiper.common.limits import CHEAT_PROOFS
from sandpiper.common.messages import Lost
from sandpiper.common.p2p import envelope, membership
from sandpiper.common.p2p.envelope import DEEDS, TALK, Envelope
from sandpiper.common.p2p.membership import Admit, AnyDeed, Cheat
from sandpiper.peer.events import Warned
from sandpiper.peer.p2p.replication.replica import Accepted

if TYPE_CHECKING:
    from sandpiper.peer.p2p.member import Member


def proven(deed: Cheat) -> tuple[Envelope, Envelope] | None:
    """The two envelopes of a proof, if it is one."""
    try:
        one, other = envelope.parse_head(deed.one), envelope.parse_head(deed.other)
    except Refusal:
        return None
    genuine = envelope.genuine(one) and envelope.genuine(other) and envelope.conflict(one, other)
    return (one, other) if genuine else None


def fork_of(one: Envelope, other: Envelope) -> int | None:
    """From which of its deeds on a session has two histories, if the two prove that of its deeds."""
    return min(one.first, other.first) if one.stream == other.stream == DEEDS else None


class Chronicle:
    """One member's. `arrived` are the sessions of whom something has come, in that order, to be acknowledged; `cheats`
    are known.
    """

    def __init__(self, member: Member) -> None:
        self._member = member
        self.arrived: dict[bytes, None] = {}
        self.cheats: set[bytes] = set()
        self._proofs: Counter[bytes] = Counter()
        self._deed_clock = 0

    def accept(self, accepted: Iterable[Accepted]) -> None:
        """Envelopes that have come into their logs."""
        for each in accepted:
            found = each.envelope
            if found is None:
                self._lose(each)
                continue
            self.arrived[each.session] = None
            if found.stream == TALK:
                self._member.talk.heard(found)
            else:
                self._learn(found)
        for one, other in self._member.replica.proofs:
            self._expose(one, other, first_hand=True)
        self._member.replica.proofs.clear()

    def _lose(self, lost: Accepted) -> None:
        if lost.stream == TALK:
            self._member.events.append(
                Lost(self._member.room_name, self._member.presence.fingerprint_of(lost.session), lost.lost)
            )

    def _learn(self, found: Envelope) -> None:
        try:
            learnt = membership.decode(found.body)
        except Refusal:
            self._member.strangers += 1
            return
        for index, deed in enumerate(learnt[: found.count]):
            self._hear_deed(found.session, found.first + index, deed)

    def _hear_deed(self, writer: bytes, seq: int, deed: AnyDeed) -> None:
        if isinstance(deed, Cheat):
            self.check_cheat(deed)
        elif not isinstance(deed, Admit) or deed.keys.holds(self._member.keyring.room):
            self._member.ledger.add(writer, seq, deed)
            self._member.rule.learnt(writer, deed)

    def check_cheat(self, deed: Cheat) -> None:
        """A proof that another member has found."""
        proof = proven(deed)
        if proof is not None:
            self._expose(*proof, first_hand=False)

    def _expose(self, one: Envelope, other: Envelope, *, first_hand: bool) -> None:
        """Two signed histories: whoever signed them is followed no further, and everyone is told.

        Deeds before the two still count, for everyone alike; and all of them if it is its talk that is forked.
        """
        if one.session == self._member.session or (one.session, one.stream) not in self._member.replica.tracks:
            return
        self._member.replica.stop(one.session)
        forked = fork_of(one, other)
        lower = forked is not None and self._member.ledger.fork(one.session, forked)
        if forked is not None and lower:
            self._member.replica.fork(one.session, forked)
            self._member.rule.follow(one.session, None)
        again = one.session in self.cheats
        if first_hand and (not again or lower) and self._proofs[one.session] < CHEAT_PROOFS:
            self._proofs[one.session] += 1
            self.write(Cheat(envelope.head(one), envelope.head(other)))
        if again:
            return
        self.cheats.add(one.session)
        nick = self._member.presence.nick_of(one.session)
        text = f"{nick} has signed two different histories: its messages are shown no more"
        self._member.events.append(Warned("cheat", text))

    def write(self, deed: AnyDeed) -> None:
        """A deed of one's own: into the log, to the others, and into effect."""
        log = self._member.replica.log(self._member.session, DEEDS)
        self._deed_clock += 1
        made = envelope.sign(
            self._member.keyring.keys.signing,
            self._member.session,
            self._member.keyring.room,
            self._member.run,
            DEEDS,
            log.head + 1,
            1,
            self._deed_clock,
            log.hash,
            membership.encode_all([deed]),
        )
        self._member.replica.write(made)
        self._member.shout([made], tuple(self._member.peers.values()))
        if not isinstance(deed, Cheat):
            self._member.ledger.add(self._member.session, made.first, deed)
            self._member.rule.learnt(self._member.session, deed)
