"""Guesses at the code: how many wrong codes the members have met, all together, and so which form of the code counts.

The code begins anew with each key of the room. Each member counts what it meets itself, and signs the count; the counts
of all are passed on. So many against one generation end it, and the next one begins. What others say they have met is
credited a few at once, and then at a rate, to each branch of the room: an honest count is as high as a person's share,
and one that lies ends a generation late.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from math import inf

from sandpiper.common.buckets import Bucket
from sandpiper.common.limits import (
    DOORKEEPERS,
    GENERATIONS,
    GUESSES,
    MISS_CREDIT_S,
    MISSES_BELIEVED_S,
    MISSES_BYTES,
    MISSES_TOLD,
    PAUSE_MOST_S,
    STANDS_AGAIN_S,
)
from sandpiper.common.p2p import misses
from sandpiper.common.p2p.deeds import Admit
from sandpiper.common.p2p.misses import MissCount
from sandpiper.peer.p2p.membership.level import PLAIN, Level
from sandpiper.peer.p2p.membership.roster import Roster
from sandpiper.peer.p2p.state.keyring import Keyring


class CodeGuesses:
    """Counts wrong guesses under the room's present key, as its members have met them."""

    def __init__(self, keyring: Keyring, roster: Roster) -> None:
        self._keyring = keyring
        self._roster = roster
        self.missed_at = -inf
        """When the last one was met, here or by another member."""
        self._epoch = b""
        self._known: list[dict[bytes, MissCount]] = []
        """By generation, from the first; each person's largest."""
        self._credited: dict[bytes, int] = {}
        """How much of each person's count against the present generation counts by now."""
        self._budgets: dict[bytes, Bucket] = {}
        self._settle_at = -inf
        self._believed_until = -inf
        """Until when others may correct what the sponsor said; not known (inf) until one is heard."""

    @property
    def generation(self) -> int:
        """The generation of the code, from 1."""
        self._follow()
        return len(self._known)

    @property
    def missed(self) -> int:
        """How many wrong guesses there were against it."""
        self._follow()
        return sum(count for person, count in self._credited.items() if self._roster.is_member(person))

    @property
    def forced(self) -> int:
        """How many generations have ended by wrong guesses."""
        return self.generation - 1

    @property
    def spent(self) -> bool:
        """Whether there is no generation left: nobody comes in until the room has another key."""
        return self.generation >= GENERATIONS

    def may_answer(self, persons: Sequence[bytes]) -> bool:
        """Whether this member may have a guess tried on it now, where `persons` answer, the nearest first.

        The guesses that are left are dealt out to them, one each: they may be met all at once, before anybody has heard
        of the others'. Of all guesses against a generation each has a share of its own.
        """
        self._follow()
        known, left = self._known[-1], GUESSES - self.missed
        dealt = [
            person
            for rank, person in enumerate(persons)
            if person not in known or known[person].count < share(rank, len(persons))
        ]
        return self._keyring.person in dealt[:left]

    def miss(self) -> MissCount:
        """Counts a wrong guess that this member has met."""
        keyring, person = self._keyring, self._keyring.person
        generation = self.generation
        known = self._known[-1].get(person)
        count = 1 if known is None else min(known.count + 1, GUESSES)
        made = misses.sign(keyring.keys.identity, keyring.room, self._epoch, generation, count)
        self._known[-1][person] = made
        self._credit(person, made.count)
        return made

    def take(self, counts: Iterable[MissCount]) -> None:
        """Takes what the sponsor knows, who is believed until others are heard: the newcomer is to have the code that
        the others have.
        """
        self._follow()
        self._believed_until = inf
        for each in sorted(counts, key=lambda each: each.generation):
            if self._accepts(each):
                self._known[-1][each.person] = each
                self._credit(each.person, each.count)

    def heard(self, session: bytes, generation: int, now: float) -> bool:
        """Takes which generation another member has; returns whether that has corrected a sponsor who said that it was
        a later one. What that one said comes to count like what anybody says. Only somebody who stands as near to the
        founder as the sponsor corrects it: so nobody does whom it has invented.
        """
        if self._believed_until == inf:
            self._believed_until = now + MISSES_BELIEVED_S
        if now >= self._believed_until or not 1 <= generation < self.generation:
            return False
        roster = self._roster
        if session not in roster.members or self._place(roster.person(session)) > self._sponsors_place():
            return False
        del self._known[generation:]
        self._credited = {}
        self._settle(now)
        return True

    def _place(self, person: bytes) -> tuple[Level, int]:
        return self._roster.graph.members.get(person, PLAIN), self._roster.branches.depth(person)

    def _sponsors_place(self) -> tuple[Level, int]:
        """The place of whoever let this session in."""
        keys, grants = self._keyring, self._roster.graph.grants(self._keyring.person)
        writers = (
            grant.deed.writer
            for grant in grants
            if isinstance(grant.deed.said, Admit) and grant.deed.said.keys.session == keys.keys.session
        )
        return max(map(self._place, writers), default=(PLAIN, 0))

    def told(self, counts: Sequence[MissCount], now: float) -> set[bytes]:
        """Takes what another member knows; returns whose guesses count now that did not before."""
        self._follow()
        credited: set[bytes] = set()
        for each in sorted(counts[:MISSES_TOLD], key=lambda each: each.generation):
            if each.generation == len(self._known) and self._is_news(each):
                if not self._accepts(each):
                    break  # whoever passes on what is not signed is not worth more
                self._known[-1][each.person] = each
                credited |= self._settle(now)
        return credited

    def settle(self, now: float) -> set[bytes]:
        """Credits what is due by now of the counts that were told, now and then; returns whose."""
        if now < self._settle_at:
            return set()
        return self._settle(now)

    def _settle(self, now: float) -> set[bytes]:
        self._follow()
        self._settle_at = now + STANDS_AGAIN_S
        credited: set[bytes] = set()
        for person, each in list(self._known[-1].items()):
            generation = len(self._known)
            while self._credited.get(person, 0) < each.count and self._budget(person).take(self._pace(), now) == 0.0:
                self._credit(person, self._credited.get(person, 0) + 1)
                credited.add(person)
                if len(self._known) > generation:
                    return credited
        return credited

    def _pace(self) -> float:
        """What a count costs of a budget: more than one when the pause after a wrong guess is longer than its rate."""
        return max(1.0, pause_s(self.forced) / MISS_CREDIT_S)

    def _budget(self, person: bytes) -> Bucket:
        """The budget of a person's branch: at once what a person may meet in a room of this size, then at a rate."""
        root = next((root for root, _ in self._roster.branches.roots(person)), person)
        if root not in self._budgets:
            persons = min(len(self._roster.graph.members), DOORKEEPERS)
            self._budgets[root] = Bucket(1 / MISS_CREDIT_S, share(0, persons) + 0.5)  # half: sums are not exact
        return self._budgets[root]

    def _is_news(self, count: MissCount) -> bool:
        known = self._known[-1].get(count.person)
        return known is None or known.count < count.count

    def _accepts(self, count: MissCount) -> bool:
        return (
            count.epoch == self._epoch
            and count.generation == len(self._known)
            and 1 <= count.count <= GUESSES
            and self._roster.is_member(count.person)
            and count.holds(self._keyring.room)
        )

    def _credit(self, person: bytes, count: int) -> None:
        self._credited[person] = count
        if len(self._known) < GENERATIONS and self.missed >= GUESSES:
            self._known[-1] = self._proof()
            self._known.append({})
            self._credited = {}

    def _proof(self) -> dict[bytes, MissCount]:
        """Those counts of the present generation that have ended it, which is all that others need of it."""
        left, proof = GUESSES, dict[bytes, MissCount]()
        for person, count in self._credited.items():
            if left > 0 and self._roster.is_member(person):
                proof[person] = self._known[-1][person]
                left -= count
        return proof

    def _follow(self) -> None:
        """Begins anew if the room has another key."""
        if self._epoch != self._keyring.epoch.id:
            self._epoch, self._known = self._keyring.epoch.id, [{}]
            self._credited, self._budgets = {}, {}

    # What members tell each other ----------------------------------------------------------------------------

    def digest(self) -> bytes:
        """A digest of what is known against the present generation, for a beacon."""
        self._follow()
        state = blake2b(digest_size=MISSES_BYTES)
        for person, each in sorted(self._known[-1].items()):
            state.update(person + each.count.to_bytes(8, "big"))
        return state.digest()

    def since(self, generation: int) -> list[MissCount]:
        """The counts from a generation on, for a member that stands there; as many as go at once, the oldest first."""
        self._follow()
        *ended, present = self._known
        told = [each for known in ended[max(generation, 1) - 1 :] for each in known.values()]
        told += sorted(present.values(), key=lambda each: each.person not in self._credited)
        return told[:MISSES_TOLD]

    def settled(self) -> list[MissCount]:
        """All counts that count in full, for a newcomer."""
        self._follow()
        *ended, present = self._known
        credited = [each for person, each in present.items() if self._credited.get(person) == each.count]
        return [each for known in ended for each in known.values()] + credited


def pause_s(forced: int) -> float:
    """Returns how long a wrong guess is followed by a pause, when so many generations have ended by them."""
    return min(2.0 ** min(forced - 1, 32), PAUSE_MOST_S) if forced else 0.0


def share(rank: int, count: int) -> int:
    """Returns how many of the guesses against a generation the person of that rank may meet, of so many who answer."""
    return -(-(GUESSES - rank) // count)
