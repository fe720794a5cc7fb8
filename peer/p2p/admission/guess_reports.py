"""Guess reports: what the members tell each other of wrong guesses at the code, and the user of them."""

from __future__ import annotations

from sandpiper.common.buckets import Bucket
from sandpiper.common.limits import GUESS_WARNINGS, GUESS_WARNINGS_PER_S, GUESSES, STANDS_AGAIN_S
from sandpiper.common.p2p import packets
from sandpiper.common.p2p.packets import Beacon
from sandpiper.peer.p2p.admission.current_code import CurrentCode
from sandpiper.peer.p2p.admission.guesses import CodeGuesses
from sandpiper.peer.p2p.presence.names import Names
from sandpiper.peer.p2p.presence.presence import Presence
from sandpiper.peer.p2p.state.context import Context
from sandpiper.peer.p2p.state.peer import Peer


class GuessReports:
    """Counts the wrong guesses of all members together, and has the code follow."""

    def __init__(
        self, context: Context, guesses: CodeGuesses, code: CurrentCode, presence: Presence, names: Names
    ) -> None:
        self._context = context
        self._guesses = guesses
        self._code = code
        self._presence = presence
        self._names = names
        self._warnings = Bucket(GUESS_WARNINGS_PER_S, GUESS_WARNINGS)

    def miss(self) -> None:
        """Counts a wrong guess that was made here, and tells everybody who is here."""
        generation = self._guesses.generation
        made = self._guesses.miss()
        for peer in self._presence.peers.values():
            if peer.here:
                self._context.send_to(peer, packets.Misses([made]))
        self._tell(self._context.settings.nick, generation)

    def receive(self, peer: Peer, said: packets.Misses, now: float) -> None:
        """Takes the counts that another member knows."""
        generation = self._guesses.generation
        self._told(self._guesses.told(said.counts, now), generation)

    def _told(self, persons: set[bytes], generation: int) -> None:
        if persons:
            at = self._names.nick_of_person(persons.pop()) if len(persons) == 1 else "several members"
            self._tell(at, generation)

    def _tell(self, at: str, generation: int) -> None:
        context, guesses = self._context, self._guesses
        guesses.missed_at = context.now
        if self._warnings.take(1.0, context.now) == 0.0:
            self._warn(at, generation)
        if guesses.spent:
            context.warn("code", "after too many wrong guesses nobody can come in until an owner makes another code")
        elif self._code.follow():
            context.warn("code", f"the room has another code now, after too many wrong guesses: {context.code}")

    def _warn(self, at: str, generation: int) -> None:
        context, guesses = self._context, self._guesses
        left = f"{guesses.missed} of {GUESSES}" if guesses.generation == generation else "the last one"
        context.warn("guess", f"somebody tried a wrong code at {at} ({left} before it changes)")

    def compare(self, peer: Peer, beacon: Beacon, now: float) -> None:
        """Gives a member that knows of fewer guesses, or of others, those that are known here."""
        guesses, generation = self._guesses, self._guesses.generation
        self._told(guesses.settle(now), generation)
        if beacon.epoch == self._context.keyring.epoch.id and guesses.heard(peer.keys.session, beacon.generation, now):
            self._code.follow()
            text = f"whoever let you in gave you a code that nobody else has; the room's is {self._context.code}"
            self._context.warn("code", text)
        same = beacon.generation == guesses.generation and beacon.misses == guesses.digest()
        if same or beacon.epoch != self._context.keyring.epoch.id or beacon.generation > guesses.generation:
            return
        if now < peer.misses_at:
            return
        peer.misses_at = now + STANDS_AGAIN_S
        self._context.send_to(peer, packets.Misses(guesses.since(beacon.generation)))
