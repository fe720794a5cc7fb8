"""The gatekeeper: decides who is let in, and writes it down. The sponsor does the talking."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import GUESSES_REPORTED
from sandpiper.common.p2p import admission, packets
from sandpiper.common.p2p.admission import AnyLetter, Busy, Elsewhere, Half, Knock
from sandpiper.common.p2p.deeds import Admit, AnyDeedSaid
from sandpiper.common.p2p.packets import Carded
from sandpiper.peer.p2p.admission.doorkeepers import Doorkeepers
from sandpiper.peer.p2p.admission.guesses import CodeGuesses
from sandpiper.peer.p2p.admission.handover import check_history, make_welcome
from sandpiper.peer.p2p.admission.sponsor import CodeState, Knows, Missed, Sponsor
from sandpiper.peer.p2p.membership.governance import Governance
from sandpiper.peer.p2p.membership.roster import Roster
from sandpiper.peer.p2p.presence.cards import CardBook
from sandpiper.peer.p2p.presence.presence import Presence
from sandpiper.peer.p2p.replication.replica import Replica
from sandpiper.peer.p2p.state.context import Context

_NOT_HERE_MS = 500  # until then others' guesses may have been told


class Gatekeeper:
    """Answers letters of those who want in. `write` writes admissions down, `miss` counts a wrong guess."""

    def __init__(
        self,
        context: Context,
        roster: Roster,
        replica: Replica,
        presence: Presence,
        cards: CardBook,
        governance: Governance,
        code: Callable[[], CodeState],
        guesses: CodeGuesses,
        write: Callable[[AnyDeedSaid], None],
        miss: Callable[[], None],
    ) -> None:
        self._context = context
        self._roster = roster
        self._replica = replica
        self._presence = presence
        self._cards = cards
        self._governance = governance
        self._guesses = guesses
        self.doorkeepers = Doorkeepers(context, roster, presence, guesses)
        self._write = write
        self._miss = miss
        self.sponsor = Sponsor(context.keyring.room, code, context.entropy)

    def get_timer(self) -> float | None:
        """When `handle_timer` is to be called."""
        return self.sponsor.get_timer()

    def handle_timer(self, now: float) -> None:
        """Counts an attempt that ran out as a wrong guess."""
        self._count(self.sponsor.handle_timer(now))

    def receive(self, service: Hashable, mailbox: bytes, body: bytes, now: float) -> list[tuple[bytes, bytes]]:
        """Takes a letter that came through a discovery service; returns the answers: mailbox and body."""
        try:
            letter = admission.decode_letter(body)
        except Refusal:
            return []
        self.handle_timer(now)
        if isinstance(letter, Knock | Half) and not self.doorkeepers.may_answer(service):
            return [(mailbox, admission.encode(self._send_on(service, letter.attempt)))]
        outcome = self.sponsor.letter(mailbox, letter, now, self._governance.full())
        if isinstance(outcome, Knows):
            self._decide(outcome, now)
        else:
            self._count(outcome)
        letters, self.sponsor.letters = self.sponsor.letters, []
        return letters

    def _send_on(self, service: Hashable, attempt: bytes) -> AnyLetter:
        """Returns what a joiner is told who is not to try a guess here: who else lets in, or to come back."""
        mailboxes = self.doorkeepers.elsewhere(service)
        return Elsewhere(attempt, mailboxes) if mailboxes else Busy(attempt, _NOT_HERE_MS)

    def report_guesses(self, count: int) -> None:
        """Counts our own failed proofs, from when we joined: strangers may have tested guesses on them."""
        for _ in range(min(count, GUESSES_REPORTED)):
            self._miss()

    def _count(self, missed: Missed | None) -> None:
        if missed is not None:
            self._miss()

    def _decide(self, knows: Knows, now: float) -> None:
        application, sponsor = knows.application, self.sponsor
        newcomer = application.keys.session
        try:
            check_history(self._roster)
        except Refusal as refusal:
            self._context.warn("handover", f"nobody can come in any more: {refusal.text}")
            sponsor.deny(refusal)
            return
        try:
            self._governance.check_application(application)
            own = packets.decode_own(application.card.body)
        except Refusal as refusal:
            sponsor.deny(refusal)
            return
        try:
            self._write(Admit(application.keys, "code"))
        except Refusal as refusal:
            sponsor.deny(refusal)
            return
        if newcomer not in self._roster.members:
            sponsor.deny(Refusal(Code.INVALID, "this session has been removed; start anew"))
            return
        floor, card = self._governance.floor, self._cards.sign()
        made = make_welcome(
            self._context, self._roster, self._replica, self._presence, floor, self._guesses.settled(), card, newcomer
        )
        sponsor.admit(*made, now)
        peer = self._presence.peers.get(newcomer)
        if peer is not None and isinstance(own, Carded):
            self._cards.read(application.card)
            # The others are to reach it without waiting for its own word.
            for other in self._presence.peers.values():
                if other is not peer and other.here:
                    self._context.send_to(other, packets.Cards([application.card]))
