"""Verification: two people compare words, to be sure that nobody is in between (common/p2p/comparing.py).

    asker:  COMMITTED --nonce--> REVEALED --compared--> SHOWN
    asked:  ANSWERED --reveal that fits--> SHOWN
    each:   --too late, or a reveal that does not fit--> FAILED

The asker's words are shown once the other's program has shown them as well. Each person has few tries in a session: one
in between could end a run whenever the words are not alike, and have its luck again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from hmac import compare_digest

from sandpiper.common.limits import COMPARE_AGAIN_S, COMPARE_S, COMPARE_TRIES, COMPARED_PERSONS, COMPARED_SESSIONS
from sandpiper.common.p2p.comparing import ID_BYTES, NONCE_BYTES, Parties, commitment, fallback_words, words
from sandpiper.common.p2p.packets import Compare, Compared, Nonce, Reveal
from sandpiper.peer.p2p.presence.bearers import Bearers
from sandpiper.peer.p2p.presence.persons import Persons
from sandpiper.peer.p2p.state.context import Context
from sandpiper.peer.p2p.state.peer import Peer
from sandpiper.peer.status import Verification


class VerifyState(Enum):
    """The states of one comparison, as one of its two sides sees it."""

    COMMITTED = "committed"
    REVEALED = "revealed"
    ANSWERED = "answered"
    SHOWN = "shown"
    FAILED = "failed"


_OPEN = (VerifyState.COMMITTED, VerifyState.REVEALED, VerifyState.ANSWERED)


@dataclass(slots=True, eq=False)
class Comparison:
    """One run with one session. `nonce` is our own; `said` what the other has committed to, or shown."""

    peer: Peer
    id: bytes
    parties: Parties
    nonce: bytes
    state: VerifyState
    until: float
    again: float
    said: bytes = b""
    phrase: str = ""

    @property
    def is_open(self) -> bool:
        """Whether the words may still come."""
        return self.state in _OPEN


class Verifier:
    """Compares words with other persons, when the user asks and when theirs do."""

    def __init__(self, context: Context, persons: Persons, bearers: Bearers) -> None:
        self._context = context
        self._persons = persons
        self._bearers = bearers
        self._runs: dict[tuple[bytes, bytes], Comparison] = {}
        self._asked: list[Comparison] = []
        self._tries: dict[str, list[bytes]] = {}  # person -> the ids of all runs, so that none comes a second time

    def confirm(self, named: str) -> None:
        """Takes that the user has found a person's words the same. Raises Refusal."""
        for peer in self._persons.here(named):
            self._bearers.trust(peer.fingerprint, peer.nick)

    # Asking ------------------------------------------------------------------------------------------------

    def ask(self, named: str, now: float) -> None:
        """Begins to compare words with a person who is here; `found` has them once they are there. Raises Refusal."""
        self._context.now = now
        peers = self._persons.here(named)[:COMPARED_SESSIONS]
        self._asked = [self._begin(peer, now) for peer in peers]

    @property
    def found(self) -> list[Verification] | None:
        """The words to compare, one for each of the person's sessions that shows them too; None until they are there.
        Where no program of the other's has answered these are the words that need no answer.
        """
        if any(each.is_open for each in self._asked):
            return None
        shown = [each for each in self._asked if each.state is VerifyState.SHOWN]
        if shown:
            return [Verification(each.peer.nick, each.peer.fingerprint, each.phrase, True) for each in shown]
        return [
            Verification(each.peer.nick, each.peer.fingerprint, fallback_words(each.parties)) for each in self._asked
        ]

    def _begin(self, peer: Peer, now: float) -> Comparison:
        context = self._context
        run, nonce = context.entropy(ID_BYTES), context.entropy(NONCE_BYTES)
        parties = Parties(context.keyring.room, context.keyring.epoch.key, self._own, _side(peer))
        made = Comparison(peer, run, parties, nonce, VerifyState.COMMITTED, now + COMPARE_S, now)
        if self._may_try(peer, run):
            self._runs[peer.keys.session, run] = made
            self._send(made, now)
        else:
            made.state = VerifyState.FAILED
        return made

    def _may_try(self, peer: Peer, run: bytes) -> bool:
        known = self._tries.get(peer.fingerprint)
        if known is None:
            if len(self._tries) >= COMPARED_PERSONS:
                return False
            known = self._tries[peer.fingerprint] = []
        if len(known) >= COMPARE_TRIES or run in known:
            return False
        known.append(run)
        return True

    def _send(self, run: Comparison, now: float) -> None:
        """Says what is to be answered next, until it is."""
        run.again = now + COMPARE_AGAIN_S
        if run.state is VerifyState.COMMITTED:
            said = commitment(run.parties, run.id, run.nonce)
            self._context.send_to(run.peer, Compare(run.id, self._context.keyring.epoch.id, said))
        else:
            self._context.send_to(run.peer, Reveal(run.id, run.nonce))

    def receive_nonce(self, peer: Peer, nonce: Nonce, now: float) -> None:
        """Takes the other's nonce, and shows our own. Another one in its place is not looked at."""
        run = self._runs.get((peer.keys.session, nonce.id))
        if run is None or run.state is not VerifyState.COMMITTED or len(nonce.nonce) != NONCE_BYTES:
            return
        run.state, run.said = VerifyState.REVEALED, nonce.nonce
        run.phrase = words(run.parties, run.id, run.nonce, nonce.nonce)
        self._send(run, now)

    def receive_compared(self, peer: Peer, compared: Compared, now: float) -> None:
        """Takes that the other's program shows the words."""
        run = self._runs.get((peer.keys.session, compared.id))
        if run is not None and run.state is VerifyState.REVEALED:
            run.state = VerifyState.SHOWN

    # Being asked -------------------------------------------------------------------------------------------

    def receive_compare(self, peer: Peer, compare: Compare, now: float) -> None:
        """Answers a person who compares words with us with a nonce; whoever says it again gets the same."""
        context, session = self._context, peer.keys.session
        run = self._runs.get((session, compare.id))
        if run is None:
            if len(compare.id) != ID_BYTES or compare.epoch != context.keyring.epoch.id:
                return
            same = [each for (of, _), each in self._runs.items() if of == session and each.is_open]
            mine = next((each for each in same if each.state is VerifyState.COMMITTED), None)
            if any(each.state is VerifyState.ANSWERED for each in same) or (mine and context.session < session):
                return  # of two who ask each other at the same time the lower one's run counts
            if not self._may_try(peer, compare.id):
                return
            parties = Parties(context.keyring.room, context.keyring.epoch.key, _side(peer), self._own)
            nonce, until = context.entropy(NONCE_BYTES), now + 2 * COMPARE_S
            run = Comparison(
                peer, compare.id, parties, nonce, VerifyState.ANSWERED, until, until, said=compare.commitment
            )
            self._runs[session, run.id] = run
            if mine is not None:
                mine.state = VerifyState.FAILED
                self._asked = [run if each is mine else each for each in self._asked]
        if run.state is VerifyState.ANSWERED:
            context.send_to(peer, Nonce(run.id, run.nonce))

    def receive_reveal(self, peer: Peer, reveal: Reveal, now: float) -> None:
        """Takes the nonce that the other has committed to, and shows the words."""
        run = self._runs.get((peer.keys.session, reveal.id))
        if run is None or run.state not in (VerifyState.ANSWERED, VerifyState.SHOWN):
            return
        fits = compare_digest(commitment(run.parties, run.id, reveal.nonce), run.said)
        if run.state is VerifyState.ANSWERED:
            if not fits or len(reveal.nonce) != NONCE_BYTES:
                self._fail(run)
                return
            run.state, run.phrase = VerifyState.SHOWN, words(run.parties, run.id, reveal.nonce, run.nonce)
            if run not in self._asked:
                text = (
                    f"{peer.nick} compares words with you: {run.phrase}. Read them to each other, by voice: if theirs"
                )
                self._context.warn(
                    "verify", f"{text} are others, somebody is in between (their key: {peer.fingerprint})"
                )
        if fits:
            self._context.send_to(peer, Compared(run.id))

    def _fail(self, run: Comparison) -> None:
        asked, run.state = run.state is VerifyState.ANSWERED, VerifyState.FAILED
        if asked and run not in self._asked:
            text = f"{run.peer.nick} began to compare words with you and did not finish: try /verify {run.peer.nick}"
            self._context.warn("verify", text)

    # Time --------------------------------------------------------------------------------------------------

    def get_timer(self) -> float | None:
        """When `handle_timer` is to be called."""
        return min((min(each.until, each.again) for each in self._runs.values()), default=None)

    def handle_timer(self, now: float) -> None:
        """Says again what was not answered, and gives up what takes too long."""
        for name, run in list(self._runs.items()):
            if now >= run.until or run.peer not in self._persons.of(run.peer.fingerprint):
                del self._runs[name]
                if run.is_open:
                    self._fail(run)
            elif now >= run.again:
                if run.state in (VerifyState.COMMITTED, VerifyState.REVEALED):
                    self._send(run, now)
                else:
                    run.again = run.until

    @property
    def _own(self) -> bytes:
        return self._context.keyring.person + self._context.session


def _side(peer: Peer) -> bytes:
    return peer.keys.identity + peer.keys.session
